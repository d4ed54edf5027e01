"""A GPU for each run. Snakemake counts GPUs, but does not say which run has which."""

import getpass
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from fedper.errors import InputError
from fedper.exits import say

PAUSE_S = 1.0
"""Between two looks for a free card."""


def device_here(name: str) -> str:
    """Return "cuda" or "cpu" for "auto", by what this machine has, and other names as they are."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def own_card(device: str, runs_per_card: int) -> Iterator[None]:
    """Let CUDA's current device be a card that at most ``runs_per_card`` runs use at a time.

    Waits until there is one. Does nothing for a CPU, or for "auto" where there is no card.

    Args:
        device: "auto", "cpu" or "cuda".
        runs_per_card: 1 or more.

    Raises:
        InputError: "cuda", and PyTorch sees no card.
    """
    n_cards = 0 if device == "cpu" else torch.cuda.device_count()
    if device == "cuda" and n_cards == 0:
        raise InputError(
            f"device: 'cuda', but PyTorch sees no GPU on {platform.node()}; let the scheduler give "
            "the job one, or set compute.device: cpu"
        )
    if n_cards == 0:
        yield
        return
    names = card_names(n_cards)
    with hold_one(names, runs_per_card, folder_of_locks()) as number:
        torch.cuda.set_device(number)
        yield


def card_names(n_cards: int) -> list[str]:
    """Name the cards that this process sees as the whole machine does.

    A scheduler may have set CUDA_VISIBLE_DEVICES; then card 0 here is another one there.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in visible.split(",") if name.strip()]
    return names[:n_cards] if len(names) >= n_cards else [str(n) for n in range(n_cards)]


def folder_of_locks() -> Path:
    """Name the folder of this machine in which all of a user's runs lock cards."""
    return Path(tempfile.gettempdir()) / f"fedper-cards-{getpass.getuser()}"


@contextmanager
def hold_one(names: Sequence[str], per_card: int, folder: Path) -> Iterator[int]:
    """Hold a place on the emptiest card while the block runs; yield the card's number in ``names``.

    The system lets go of a lock whose process is gone, so a run that is killed blocks no card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = [(place, number) for place in range(per_card) for number in range(len(names))]
    has_said = False
    while True:
        for place, number in places:
            lock = FileLock(folder / f"{names[number].replace('/', '_')}-{place}.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            try:
                yield number
            finally:
                lock.release()
            return
        if not has_said:
            say(f"waits for one of {len(names)} cards; their locks are in {folder}")
            has_said = True
        time.sleep(PAUSE_S)

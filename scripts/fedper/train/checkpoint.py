"""Where a run stands after a round, on disk, so that a killed run goes on from there.

A checkpoint is one safetensors file, ``round-00012.safetensors``, written whole or not at all.
The last two are kept: should the last be damaged, the run goes on from the one before. Seeds are
keyed by (seed, round, client), so what follows does not depend on where a run was interrupted.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fedper.errors import InputError
from fedper.files import atomic, remove_leftovers
from fedper.train.progress import Progress, take_up, to_tensors

N_KEPT = 2
LOCK = ".lock"


@contextmanager
def kept_in(folder: Path | None) -> Iterator[None]:
    """Keep a run's checkpoints in ``folder`` (None: keep none) until the block succeeds.

    The block trains and writes what came of it; then they are removed. Raises InputError if
    another process trains the same run.
    """
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
            remove(folder)
    except Timeout:
        raise InputError(
            f"{folder}: another process trains this run; wait for it, or stop it"
        ) from None


def save(folder: Path, identity: dict, progress: Progress) -> None:
    """Write a checkpoint, and remove all but the last N_KEPT.

    identity: what the next rounds depend on besides (settings, code, data, machine); only a run
    that has the same goes on from it. Raises InputError if the disk refuses it.
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in to_tensors(progress).items()}
    metadata = {"round": str(progress.round), "identity": json.dumps(identity)}
    metadata["sha256"] = _digest(metadata, sorted(tensors.items()))
    path = folder / f"round-{progress.round:05d}.safetensors"
    with atomic(path) as temporary:
        try:
            save_file(tensors, temporary, metadata=metadata)
        except SafetensorError as error:
            raise InputError(f"{path}: cannot be written ({error}); make room") from error
    for old in _newest_first(folder)[N_KEPT:]:
        old.unlink()


def load_latest(
    folder: Path, identity: dict, progress: Progress, show: Callable[[str], None]
) -> None:
    """Bring ``progress`` to the last sound checkpoint in ``folder``; leave it if there is none.

    ``show`` a line for each checkpoint that is damaged. Raises InputError if a checkpoint is of
    other settings, code, data or another machine.
    """
    remove_leftovers(folder, "*.safetensors")
    for path in _newest_first(folder):
        try:
            file = safe_open(path, framework="pt")
            round_, theirs = _verify(file)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            show(f"{path}: damaged ({error}), not used; the one before is, if there is one")
            continue
        _check(path, theirs, json.loads(json.dumps(identity)))
        take_up(progress, round_, _tensors(file))
        return


def remove(folder: Path) -> None:
    """Remove the checkpoints in ``folder``, and the folder if nothing else is in it."""
    remove_leftovers(folder, "*.safetensors")
    for path in [*_newest_first(folder), folder / LOCK]:
        path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("round-*.safetensors"), reverse=True)


def _verify(file: safe_open) -> tuple[int, dict]:
    """Read all of a checkpoint; return its round and identity, or raise ValueError."""
    metadata = file.metadata()
    if metadata.pop("sha256") != _digest(metadata, _tensors(file)):
        raise ValueError("its content is not what was written")
    return int(metadata["round"]), json.loads(metadata["identity"])


def _tensors(file: safe_open) -> Iterator[tuple[str, Tensor]]:
    """Read a checkpoint's tensors one by one, in the order of their names."""
    for name in sorted(file.keys()):
        yield name, file.get_tensor(name)


def _check(path: Path, theirs: dict, ours: dict) -> None:
    for key, value in ours.items():
        if theirs.get(key) != value:
            raise InputError(
                f"{path}: of another {key} ({_short(theirs.get(key))}) than this run's "
                f"({_short(value)}); bring that back to go on, or remove {path.parent} "
                "to start again"
            )


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else hashlib.sha256(text.encode()).hexdigest()[:8]


def _digest(metadata: dict[str, str], tensors: Iterable[tuple[str, Tensor]]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in tensors:
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()

"""Where a run stands after a round, on disk, so that a killed run goes on from there.

A checkpoint is one safetensors file, ``round-00012.safetensors``, written whole or not at all.
The last two are kept: should the last be damaged, the run goes on from the one before. Seeds are
keyed by (seed, round, client), so what follows does not depend on where a run was interrupted.
"""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fedper.errors import InputError
from fedper.files import naming, remove_leftovers
from fedper.hashing import hash_arrays, hash_values
from fedper.job.progress import Progress, take_up, to_tensors
from fedper.job.record import MACHINE_KEYS
from fedper.tensor_files import open_tensors, save_tensors

N_KEPT = 2
LOCK = ".lock"
OWNER = ".owner"
"""Who holds the lock, for people."""


@contextmanager
def kept_in(folder: Path | None) -> Iterator[None]:
    """Keep a run's checkpoints in ``folder`` (None: keep none) until the block succeeds.

    The block trains and writes what came of it; then they are removed. Raises InputError if
    another process trains the same run, or the file system refuses locks.
    """
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock, owner = FileLock(folder / LOCK, timeout=0), folder / OWNER
    try:
        lock.acquire()
    except Timeout:
        raise InputError(_why_locked(folder / LOCK, owner)) from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        raise InputError(_refused(folder / LOCK, error)) from error
    try:
        with naming(owner):
            owner.write_text(f"{socket.gethostname()}, process {os.getpid()}", encoding="utf-8")
        yield
        remove(folder)
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _why_locked(lock: Path, owner: Path) -> str:
    """Tell a lock that another process holds from a file system that refuses locks.

    Where it does not know them (ENOSYS), filelock makes a file, which stays after a kill.
    """
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.ENOSYS):
                return _refused(lock, error)
    who = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
    return f"{lock}: {who} trains this run; wait for it or stop it; if it is gone, remove this file"


def _refused(lock: Path, error: OSError) -> str:
    return (
        f"{lock}: this file system refuses locks ({error.strerror}); make checkpoints/ a link to a "
        "folder on another, or mount it with locks"
    )


@dataclass
class Checkpoints:
    """The checkpoints of one run: where they are, whose they are, how often they are written.

    Attributes:
        folder: of this run alone; see :func:`kept_in`.
        identity: what the next rounds depend on besides the checkpoint, as of
            :func:`fedper.job.record.conditions`; only a run that has the same goes on.
        every_s: least number of seconds between two checkpoints.
        elsewhere: whether a checkpoint of another machine is accepted.
    """

    folder: Path
    identity: dict
    every_s: float = 0.0
    elsewhere: bool = False
    _last: float = field(default_factory=time.monotonic)

    def save(self, progress: Progress, now: bool = False) -> None:
        """Write a checkpoint if it is time, or ``now``, and remove all but the last N_KEPT.

        Note the seconds in the timing of the round. Raises OSError if the disk refuses it.
        """
        start = time.monotonic()
        if not now and start - self._last < self.every_s:
            return
        tensors = {name: tensor.cpu().contiguous() for name, tensor in to_tensors(progress).items()}
        metadata = {"round": str(progress.round), "identity": json.dumps(self.identity)}
        metadata["sha256"] = _digest(metadata, sorted(tensors.items()))
        path = self.folder / f"round-{progress.round:05d}.safetensors"
        save_tensors(save_file, tensors, path, metadata)
        for old in _newest_first(self.folder)[N_KEPT:]:
            old.unlink()
        self._last = time.monotonic()
        progress.timing[-1]["checkpoint_s"] = self._last - start

    def load(self, progress: Progress, show: Callable[[str], None]) -> None:
        """Bring ``progress`` to the last sound checkpoint; if there is none, change nothing.

        ``show`` a line for each checkpoint that is damaged. Raises InputError if a checkpoint is
        of other settings, code or data, or of another machine without ``elsewhere``, and OSError if
        one cannot be read.
        """
        remove_leftovers(self.folder, "*.safetensors")
        for path in _newest_first(self.folder):
            try:
                file = open_tensors(path, "pt")
                round_, theirs = _verify(file)
            except (SafetensorError, LookupError, TypeError, ValueError, AttributeError) as error:
                show(f"{path}: damaged ({error}), not used; the one before is, if there is one")
                continue
            self._check(path, theirs)
            take_up(progress, round_, _tensors(file))
            return

    def _check(self, path: Path, theirs: dict) -> None:
        for key, value in json.loads(json.dumps(self.identity)).items():
            of_machine = key in MACHINE_KEYS
            if theirs.get(key) == value or (of_machine and self.elsewhere):
                continue
            remedy = "use --elsewhere to go on here" if of_machine else "restore that to go on"
            raise InputError(
                f"{path}: {key} was {_short(theirs.get(key))}, now it is {_short(value)}; "
                f"{remedy}, or remove {path.parent} to start again"
            )


def remove(folder: Path) -> None:
    """Remove the checkpoints in ``folder``, and the folder if nothing else is in it."""
    remove_leftovers(folder, "*.safetensors")
    for path in [*_newest_first(folder), folder / LOCK, folder / OWNER]:
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


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else hash_values(value)[:8]


def _digest(metadata: dict[str, str], tensors: Iterable[tuple[str, Tensor]]) -> str:
    arrays = ((name, tensor.numpy()) for name, tensor in tensors)
    return hash_arrays(json.dumps(metadata, sort_keys=True), arrays)

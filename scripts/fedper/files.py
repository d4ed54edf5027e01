"""Writing files whole: a reader sees the old file or the new one, never a part."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedper.errors import InputError

PREFIX = ".writing-"
"""How the names of the folders of temporary files begin."""

FILES_OF_A_RUN = ("history.csv", "run.json", "timing.csv")
"""What training leaves in a run's folder."""


def raise_if_not_read(error: Exception) -> None:
    """Raise an error again if the system failed to read a file, so its content is not to blame.

    A file that is not there counts as content.
    """
    not_there = (None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
    if isinstance(error, OSError) and error.errno not in not_there:
        raise error


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path that takes the place of ``path`` if the block succeeds.

    The temporary path is in a folder of its own beside ``path``, because writers like safetensors'
    make temporary files too. If the block fails, the folder is removed, and the file that was at
    ``path`` stays. The new file is synced to the disk, so a power cut leaves the old or the new
    one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=PREFIX, suffix=path.suffix))
    temporary = folder / path.name
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_json(path: Path, made_by: str) -> dict:
    """Read JSON that a script (``made_by``) wrote; raise InputError if it is not readable."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); {made_by} makes it") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: not what {made_by} writes; make it again")
    return values


@contextmanager
def naming(path: Path, made_by: str) -> Iterator[None]:
    """Turn the error of a key that a file lacks, or of a value of another kind, into InputError."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not what {made_by} writes ({reason}); make it again") from error


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove temporary files of writers that were killed; only where nobody else is writing."""
    for leftover in folder.glob(PREFIX + pattern):
        shutil.rmtree(leftover)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

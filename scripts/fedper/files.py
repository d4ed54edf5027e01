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


def is_whole_run(folder: Path) -> bool:
    """Tell whether a run's folder has all FILES_OF_A_RUN."""
    return all((folder / name).is_file() for name in FILES_OF_A_RUN)


NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
"""Errors of a path, not of the system."""


def raise_if_not_read(error: Exception, path: Path | str) -> None:
    """Raise what the system did while it read ``path``: a failed read, or memory that ran out.

    Returns where the content of the file, or its absence, is to blame. Libraries that parse content
    also raise OSError for it, without a number.
    """
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, OSError) and error.errno is not None and error.errno not in NOT_THERE:
        named = str(error.filename or path)
        raise OSError(error.errno, os.strerror(error.errno), named) from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name ``path`` in an OSError of the block that names no file, as those of reads and writes."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path that takes the place of ``path`` if the block succeeds.

    The temporary path is in a folder of its own beside ``path``, because writers like safetensors'
    make temporary files too. If the block fails, the folder is removed, and the file that was at
    ``path`` stays. The new file is synced to the disk, so a power cut leaves the old or the new
    one. An OSError names ``path``, not the temporary file.
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
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_json(path: Path, made_by: str, *keys: str) -> dict:
    """Read a mapping with some keys that a script wrote (``made_by``); InputError if it is not."""
    try:
        with naming(path):
            values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); {made_by} makes it") from error
    with expecting(path, made_by):
        if missing := [key for key in keys if key not in values]:
            raise KeyError(*missing)
    return values


@contextmanager
def expecting(path: Path, made_by: str) -> Iterator[None]:
    """Turn what a block raises for a missing key, or for another kind of value, into InputError."""
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

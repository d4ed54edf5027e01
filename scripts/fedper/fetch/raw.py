"""A data set's files on this disk, and the receipt that says where they came from."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import filter as matching
from fnmatch import fnmatchcase
from pathlib import Path

from fedper.errors import InputError
from fedper.files import raise_if_not_read
from fedper.hashing import hash_file
from fedper.names import DATASETS, Layout

LONGEST_NAME = 255
"""Bytes of a file's name on usual file systems."""


def raw_files(dataset: str, folder: Path) -> list[Path]:
    """List a data set's files in a folder, sorted, in the first of its layouts that is there.

    Links that lead nowhere are left out. Raises InputError if no layout is complete (it says what
    is missing), or if the folder may not be read.
    """
    try:
        there = [path.name for path in folder.iterdir() if path.exists()] if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}; let it be read") from error
    patterns = layout_of(dataset, there, folder).files
    return [folder / name for name in sorted(there) if any(fnmatchcase(name, p) for p in patterns)]


def layout_of(dataset: str, names: list[str], folder: Path) -> Layout:
    """Find the first layout of a data set that is complete, given the names in a folder.

    Raises InputError, which says what is missing, if none is complete.
    """
    lacks = []
    for layout in DATASETS[dataset].layouts:
        missing = [pattern for pattern in layout.files if not matching(names, pattern)]
        if not missing:
            return layout
        lacks.append(" and ".join(missing))
    needed = f"neither {' nor '.join(lacks)}" if len(lacks) > 1 else f"no {lacks[0]}"
    raise InputError(
        f"{folder}: {needed} here; copy or link the files there, for instance with "
        "'make raw FROM=<folder>', see data/README.md"
    )


def describe_files(paths: list[Path]) -> dict:
    """Return size and hash of each file: {name: {bytes, sha256}}.

    For a folder: the sum of the sizes of its files, and a hash of their names and sizes.
    """
    return {path.name: _describe(path) for path in paths}


def receipt_of(dataset: str, source: str, folder: Path, passed_over: Sequence[dict] = ()) -> dict:
    """Make the receipt of a data set's files in a folder, as :func:`fedper.fetch.sources.fetch`."""
    return {
        "dataset": dataset,
        "source": source,
        "folder": str(folder),
        "files": describe_files(raw_files(dataset, folder)),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "passed_over": list(passed_over),
    }


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 for a link that leads nowhere."""
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.exists())


def check_receipt(receipt: dict, path: Path) -> None:
    """Raise InputError if the files are not those in the receipt, which was read from ``path``."""
    for name, expected in receipt["files"].items():
        file = Path(receipt["folder"]) / name
        if not file.exists():
            raise InputError(f"{file}: gone since it was fetched; delete {path} and run again")
        if _describe(file) != expected:
            raise InputError(f"{file}: not the file that was fetched; delete {path} and run again")


def _describe(path: Path) -> dict:
    if path.is_dir():
        files = [file for file in path.iterdir() if file.exists()]
        sizes = sorted((file.name, file.stat().st_size) for file in files)
        digest = hashlib.sha256(json.dumps(sizes).encode()).hexdigest()
        return {"bytes": size_of(path), "sha256": digest}
    return {"bytes": size_of(path), "sha256": hash_file(path)}


def read_receipt(path: Path) -> dict:
    """Read a receipt; raise InputError for a file that is not one."""
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"))
        if not {"source", "folder", "files"} <= receipt.keys():
            raise ValueError("keys are missing")
        for name, file in receipt["files"].items():
            if not {"bytes", "sha256"} <= file.keys() or len(name) > LONGEST_NAME or "/" in name:
                raise ValueError(f"what it says of {name!r:.40}")
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise_if_not_read(error, path)
        raise InputError(f"{path}: not a receipt of fetch.py ({error}); run it again") from error
    return receipt

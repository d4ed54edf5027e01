"""A data set's files as they are on this disk, and the receipt that says where they came from."""

import hashlib
import json
from pathlib import Path

from fedper.errors import InputError
from fedper.fetch.catalogue import ARCHIVES, PHOTO_ARCHIVE, PHOTO_FOLDER, RATINGS
from fedper.fetch.integrity import hash_of


def raw_files(dataset: str, folder: Path) -> list[Path]:
    """List a data set's files in a folder, in a layout that can be read, or raise InputError.

    Where the archive of FLICKR-AES has been unpacked, its folder of photographs serves.
    """
    if dataset == "flickr_aes":
        return _flickr_aes_files(folder)
    shards = [path for split in ("train", "test") for path in folder.glob(f"{split}-*.parquet")]
    if shards:
        return sorted(shards)
    archive = folder / ARCHIVES[dataset]
    if not archive.is_file():
        raise InputError(
            f"{folder}: neither train-*.parquet and test-*.parquet nor {archive.name} here; "
            "copy or link them there, for instance with 'make raw FROM=<folder>'"
        )
    return [archive]


def describe_files(paths: list[Path]) -> dict:
    """Say how large each file is and hash it: {name: {bytes, sha256}}.

    Of a folder, the sizes are added up, and names and sizes are hashed.
    """
    return {path.name: _describe(path) for path in paths}


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def check_receipt(receipt: dict, path: Path) -> None:
    """Raise InputError if the files are not those that the receipt at ``path`` speaks of."""
    for name, expected in receipt["files"].items():
        file = Path(receipt["folder"]) / name
        if not file.exists():
            raise InputError(f"{file}: gone since it was fetched; delete {path} and run again")
        if _describe(file) != expected:
            raise InputError(f"{file}: not the file that was fetched; delete {path} and run again")


def _describe(path: Path) -> dict:
    if path.is_dir():
        sizes = sorted((file.name, file.stat().st_size) for file in path.iterdir())
        digest = hashlib.sha256(json.dumps(sizes).encode()).hexdigest()
        return {"bytes": size_of(path), "sha256": digest}
    return {"bytes": size_of(path), "sha256": hash_of(path)}


def read_receipt(path: Path) -> dict:
    """Read a receipt, and raise InputError if it is none."""
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"))
        if not {"source", "folder", "files"} <= receipt.keys():
            raise ValueError("keys are missing")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a receipt of fetch.py ({error}); run it again") from error
    return receipt


def _flickr_aes_files(folder: Path) -> list[Path]:
    ratings, archive = folder / RATINGS, folder / PHOTO_ARCHIVE
    is_there = {
        ratings.name: ratings.is_file(),
        archive.name: archive.is_file() or (folder / PHOTO_FOLDER).is_dir(),
    }
    missing = [name for name, there in is_there.items() if not there]
    if missing:
        raise InputError(f"{folder}: no {' and no '.join(missing)} here; see data/README.md")
    return [ratings, archive if archive.is_file() else folder / PHOTO_FOLDER]

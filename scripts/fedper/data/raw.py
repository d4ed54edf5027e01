"""A data set's files as they are on this disk, and the receipt that says where they came from."""

import json
from pathlib import Path

from fedper.data.catalogue import ARCHIVES, PHOTO_ARCHIVE, PHOTO_FOLDER, RATINGS
from fedper.data.integrity import hash_of
from fedper.errors import InputError


def raw_files(dataset: str, folder: Path) -> list[Path]:
    """List a data set's files in a folder, in a layout that can be read, or raise InputError.

    Where the archive of FLICKR-AES has been unpacked, its folder of photographs serves, and only
    the ratings are listed.
    """
    if dataset == "flickr_aes":
        return _flickr_aes_files(folder)
    shards = [path for split in ("train", "test") for path in folder.glob(f"{split}-*.parquet")]
    if shards:
        return sorted(shards)
    archive = folder / ARCHIVES[dataset]
    if not archive.exists():
        raise InputError(
            f"{folder}: neither train-*.parquet and test-*.parquet nor {archive.name} here; "
            "copy or link them there, for instance with 'make raw FROM=<folder>'"
        )
    return [archive]


def describe_files(files: list[Path]) -> dict:
    """Say how large each file is and hash it: {name: {bytes, sha256}}."""
    return {path.name: {"bytes": path.stat().st_size, "sha256": hash_of(path)} for path in files}


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
    return [path for path in (ratings, archive) if path.exists()]

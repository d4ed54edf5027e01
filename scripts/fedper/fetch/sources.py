"""Where a data set's files come from: the first source that works, in the configuration's order.

Files at hand are used where they are; what is downloaded lies under ``raw/<source>/<data set>``
and is not downloaded again. This module makes sure that the right files are there and says which;
reading them is the part of :mod:`fedper.data.prepare`.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import gdown

from fedper.errors import InputError
from fedper.fetch.catalogue import (
    ARCHIVE_BYTES,
    DRIVE_FOLDER,
    HUGGING_FACE,
    PHOTO_ARCHIVE,
    RATINGS,
)
from fedper.fetch.download import Patience, download, patiently
from fedper.fetch.integrity import Remote, fault_of, fault_of_text, fault_of_zip
from fedper.fetch.raw import describe_files, raw_files

HINT = "or bring the files by hand, see data/README.md"


def fetch(dataset: str, sources: list[dict], raw: Path, patience: Patience) -> dict:
    """Make sure of a data set's files and say which source served them.

    sources: [{"from": a key of SOURCES, …}, …]. Returns a receipt: dataset, source, folder, files
    ({name: {bytes, sha256}}), when (UTC) they were checked, and why earlier sources were passed
    over. Raises InputError if no source works.
    """
    passed_over = []
    for source in sources:
        try:
            folder = SOURCES[source["from"]](dataset, source, raw, patience)
            files = raw_files(dataset, folder)
        except InputError as error:
            passed_over.append({"source": source["from"], "reason": str(error)})
            if source is not sources[-1]:
                print(f"{dataset}, {source['from']}: {error}", file=sys.stderr, flush=True)
            continue
        return {
            "dataset": dataset,
            "source": source["from"],
            "folder": str(folder),
            "files": describe_files(files),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "passed_over": passed_over,
        }
    reasons = "; ".join("{source}: {reason}".format(**passed) for passed in passed_over)
    raise InputError(f"{dataset}: no source works: {reasons}")


def make_stand_in(dataset: str, stand_in: dict, raw: Path) -> dict:
    """Write the stand-in's files, if it has any, and return a receipt as :func:`fetch` does.

    stand_in: {"source": its kind, …} with the arguments of the function that makes it.
    """
    receipt = {"dataset": dataset, "source": stand_in["source"], "folder": None, "files": {}}
    if stand_in["source"] != "simulated":
        return receipt
    from fedper.fetch.simulated import write_simulated_flickr_aes

    settings = {key: value for key, value in stand_in.items() if key != "source"}
    fingerprint = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    folder = raw / "simulated" / f"{dataset}-{fingerprint}"
    write_simulated_flickr_aes(folder, **settings)
    return {**receipt, "folder": str(folder), "files": describe_files(raw_files(dataset, folder))}


def _files(dataset: str, source: dict, raw: Path, patience: Patience) -> Path:
    return Path(source["folder"])


def _hugging_face(dataset: str, source: dict, raw: Path, patience: Patience) -> Path:
    """Download the parquet files; like Hugging Face's own tools, from HF_ENDPOINT if it is set."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    address, files = HUGGING_FACE[dataset]
    folder = raw / "huggingface" / dataset
    for name, (size, checksum) in files.items():
        remote = Remote(f"{endpoint}/{address}/{name}", size, checksum)
        download(remote, folder / name, _incomplete(raw, folder), patience, HINT)
    return folder


def _torchvision(dataset: str, source: dict, raw: Path, patience: Patience) -> Path:
    """Download the official archive, from the address and with the checksum of torchvision."""
    from fedper.data.archives import CLASSES

    official = CLASSES[dataset]
    folder = raw / "torchvision" / dataset
    size = ARCHIVE_BYTES[dataset]
    remote = Remote(official.url, size, f"md5:{official.tgz_md5}")
    download(remote, folder / official.filename, _incomplete(raw, folder), patience, HINT)
    return folder


def _google_drive(dataset: str, source: dict, raw: Path, patience: Patience) -> Path:
    """Download FLICKR-AES from its authors' folder, where its files are found by name.

    Google is not asked again once both are here.
    """
    folder = raw / "google_drive" / dataset
    if all(
        (folder / name).exists() and fault_of(folder / name, Remote("", check=check)) is None
        for name, check in DRIVE_FILES.items()
    ):
        return folder
    url = f"https://drive.google.com/drive/folders/{DRIVE_FOLDER}"

    def list_folder() -> list:
        return gdown.download_folder(
            id=DRIVE_FOLDER,
            skip_download=True,
            quiet=True,
            use_cookies=False,
            timeout=patience.timeout_s,
        )

    ids = {Path(file.path).name: file.id for file in patiently(list_folder, url, patience, HINT)}
    for name, check in DRIVE_FILES.items():
        if name not in ids:
            raise InputError(f"{url}: no {name} in that folder; {HINT}")
        remote = Remote(f"https://drive.google.com/uc?id={ids[name]}", check=check)
        download(remote, folder / name, _incomplete(raw, folder), patience, HINT)
    return folder


DRIVE_FILES = {RATINGS: fault_of_text, PHOTO_ARCHIVE: fault_of_zip}
"""What is needed of the folder on Google Drive, and how one tells that it is whole."""


def _incomplete(raw: Path, folder: Path) -> Path:
    return raw / "incomplete" / folder.relative_to(raw)


SOURCES: dict[str, Callable[[str, dict, Path, Patience], Path]] = {
    "files": _files,
    "huggingface": _hugging_face,
    "torchvision": _torchvision,
    "google_drive": _google_drive,
}
"""Each makes sure of a data set's files and returns their folder, or raises InputError."""

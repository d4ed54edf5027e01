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
from pathlib import Path

import gdown

from fedper.errors import InputError
from fedper.fetch.catalogue import GOOGLE_DRIVE, HUGGING_FACE, TORCHVISION, official_archive
from fedper.fetch.download import Patience, download, patiently
from fedper.fetch.integrity import Remote, fault_of
from fedper.fetch.modules import load_function, maker_of
from fedper.fetch.raw import describe_files, raw_files, receipt_of
from fedper.names import DATASETS

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
            return receipt_of(dataset, source["from"], folder, passed_over)
        except InputError as error:
            passed_over.append({"source": source["from"], "reason": str(error)})
            if source is not sources[-1]:
                print(f"{dataset}, {source['from']}: {error}", file=sys.stderr, flush=True)
    reasons = "; ".join("{source}: {reason}".format(**passed) for passed in passed_over)
    raise InputError(f"{dataset}: no source works: {reasons}")


def make_stand_in(dataset: str, stand_in: dict, raw: Path) -> dict:
    """Write the stand-in's files, if it has any, and return a receipt as :func:`fetch` does.

    stand_in: {"source": its kind, …} with the arguments of the function that makes it. Raises
    InputError if data of that kind cannot stand in for the data set.
    """
    kind, known = stand_in["source"], DATASETS[dataset].stand_ins
    if kind not in known:
        raise InputError(f"{dataset}: '{kind}' cannot stand in for it; what can is {list(known)}")
    receipt = {"dataset": dataset, "source": kind, "folder": None, "files": {}}
    stage, *function = maker_of(stand_in)
    if stage == "data":
        return receipt
    settings = {key: value for key, value in stand_in.items() if key != "source"}
    fingerprint = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    folder = raw / kind / f"{dataset}-{fingerprint}"
    note = load_function(stage, *function)(folder, **settings)
    files = describe_files(raw_files(dataset, folder))
    return {**receipt, "folder": str(folder), "files": files, "note": note}


def _files(dataset: str, source: dict, raw: Path, patience: Patience) -> Path:
    return Path(source["folder"])


def _hugging_face(dataset: str, source: dict, raw: Path, patience: Patience) -> Path:
    """Download the parquet files; like Hugging Face's own tools, from HF_ENDPOINT if it is set."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    address, files = _published(HUGGING_FACE, dataset, "huggingface")
    folder = raw / "huggingface" / dataset
    for name, (size, checksum) in files.items():
        remote = Remote(f"{endpoint}/{address}/{name}", size, checksum)
        download(remote, folder / name, _incomplete(raw, folder), patience, HINT)
    return folder


def _torchvision(dataset: str, source: dict, raw: Path, patience: Patience) -> Path:
    """Download the official archive, from the address and with the checksum of torchvision."""
    _, size = _published(TORCHVISION, dataset, "torchvision")
    official = official_archive(dataset)
    folder = raw / "torchvision" / dataset
    remote = Remote(official.url, size, f"md5:{official.tgz_md5}")
    download(remote, folder / official.filename, _incomplete(raw, folder), patience, HINT)
    return folder


def _google_drive(dataset: str, source: dict, raw: Path, patience: Patience) -> Path:
    """Download what is needed of the authors' folder, where files are found by name.

    Google is not asked again once all are here.
    """
    folder_id, files = _published(GOOGLE_DRIVE, dataset, "google_drive")
    folder = raw / "google_drive" / dataset
    if all(
        (folder / name).exists() and fault_of(folder / name, Remote("", check=check)) is None
        for name, check in files.items()
    ):
        return folder
    url = f"https://drive.google.com/drive/folders/{folder_id}"

    def list_folder() -> list:
        return gdown.download_folder(
            id=folder_id,
            skip_download=True,
            quiet=True,
            use_cookies=False,
            timeout=patience.timeout_s,
        )

    ids = {Path(file.path).name: file.id for file in patiently(list_folder, url, patience, HINT)}
    for name, check in files.items():
        if name not in ids:
            raise InputError(f"{url}: no {name} in that folder; {HINT}")
        remote = Remote(f"https://drive.google.com/uc?id={ids[name]}", check=check)
        download(remote, folder / name, _incomplete(raw, folder), patience, HINT)
    return folder


def _published(catalogue: dict[str, tuple], dataset: str, source: str) -> tuple:
    if dataset not in catalogue:
        raise InputError(f"{source} has no {dataset}; it has {', '.join(catalogue)}; {HINT}")
    return catalogue[dataset]


def _incomplete(raw: Path, folder: Path) -> Path:
    return raw / "incomplete" / folder.relative_to(raw)


SOURCES: dict[str, Callable[[str, dict, Path, Patience], Path]] = {
    "files": _files,
    "huggingface": _hugging_face,
    "torchvision": _torchvision,
    "google_drive": _google_drive,
}
"""Each makes sure of a data set's files and returns their folder, or raises InputError."""

"""CIFAR-10 and CIFAR-100 from the official archives, through torchvision and its checksums."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from torchvision.datasets import CIFAR10

from fedper.data.dataset import Dataset, Split
from fedper.data.reader import RawData, whole_dataset
from fedper.errors import InputError
from fedper.fetch.catalogue import official_archive
from fedper.fetch.integrity import Remote, fault_of


def read(raw: RawData) -> tuple[Dataset, pd.DataFrame]:
    """Read the archive, see :func:`read_archive`, of which nothing is left out."""
    official = official_archive(raw.settings["dataset"])
    return whole_dataset(raw, *read_archive(raw.folder / raw.names[0], official))


def read_archive(path: Path, official: type[CIFAR10]) -> tuple[Split, Split]:
    """Read training and test split of an official archive (``….tar.gz``, pickles inside).

    ``official`` is torchvision's class of the data set. The archive's MD5 is checked before
    anything of it is unpacked, and each unpacked file's by torchvision before it is loaded.
    Raises InputError if a checksum is wrong.
    """
    fault = fault_of(path, Remote(official.url, checksum=f"md5:{official.tgz_md5}"))
    if fault is not None:
        raise InputError(f"{path}: {fault}; bring the official archive, see data/README.md")
    with tempfile.TemporaryDirectory(prefix="fedper-") as root:
        (Path(root) / official.filename).symlink_to(path.resolve())
        train, test = (official(root, train=is_train, download=True) for is_train in (True, False))
    return _to_split(train), _to_split(test)


def _to_split(cifar: CIFAR10) -> Split:
    images = np.ascontiguousarray(cifar.data.transpose(0, 3, 1, 2))
    return Split(images, np.asarray(cifar.targets, dtype=np.int64))

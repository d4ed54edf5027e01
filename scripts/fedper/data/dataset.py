"""The canonical form of a data set, whatever source it came from."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fedper.errors import InputError
from fedper.files import atomic


@dataclass(frozen=True)
class Split:
    """Images uint8 [n, 3, H, W] and labels int64 [n], rows sorted by the images' SHA-256."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """The official splits of a data set, its training pixels' statistics, and its provenance.

    mean, sd: float64 [3], per channel over all training images, pixels scaled to 0 … 1.
    provenance: where the images came from, as it is written into every run's ``run.json``.
    """

    train: Split
    test: Split
    n_classes: int
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    provenance: dict


def make_dataset(train: Split, test: Split, n_classes: int, provenance: dict) -> Dataset:
    """Bring two splits into canonical order and measure the training pixels.

    The order depends on the images alone, so a partition drawn by row number gives the same
    images to the same client whichever source served them.
    """
    train, test = _canonical(train), _canonical(test)
    counts = np.stack(
        [np.bincount(train.images[:, channel].reshape(-1), minlength=256) for channel in range(3)]
    )
    share = counts / counts.sum(axis=1, keepdims=True)
    values = np.arange(256) / 255
    mean = share @ values
    sd = np.sqrt(share @ values**2 - mean**2)
    return Dataset(train, test, n_classes, mean, sd, provenance)


def save_dataset(dataset: Dataset, path: Path) -> None:
    """Write a data set as one safetensors file, atomically."""
    arrays = {
        "train.images": dataset.train.images,
        "train.labels": dataset.train.labels,
        "test.images": dataset.test.images,
        "test.labels": dataset.test.labels,
        "mean": dataset.mean,
        "sd": dataset.sd,
    }
    about = {"n_classes": dataset.n_classes, "provenance": dataset.provenance}
    with atomic(path) as temporary:
        save_file(arrays, temporary, metadata={"dataset": json.dumps(about)})


def load_dataset(path: Path) -> Dataset:
    """Read what :func:`save_dataset` wrote; raise InputError if the file is not that."""
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()["dataset"])
            array = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Dataset(
            train=Split(array["train.images"], array["train.labels"]),
            test=Split(array["test.images"], array["test.labels"]),
            mean=array["mean"],
            sd=array["sd"],
            **about,
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a prepared data set ({error}); delete it and prepare the data again"
        ) from error


def _canonical(split: Split) -> Split:
    hashes = [hashlib.sha256(image.tobytes()).digest() for image in split.images]
    order = sorted(range(len(hashes)), key=lambda row: (hashes[row], split.labels[row]))
    return Split(split.images[order], split.labels[order])

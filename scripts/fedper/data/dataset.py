"""The canonical form of a data set, whatever source it came from."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """Labelled images; in a Dataset they are sorted by the images' SHA-256.

    Attributes:
        images: uint8 [n, 3, H, W].
        labels: int64 [n].
        clients: int64 [n], who holds each sample, where the data set says so (FLICKR-AES); None
            where a partition deals the samples out (CIFAR).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    clients: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set in its canonical form.

    Attributes:
        train: the training split.
        test: the test split.
        n_classes: labels are 0 … n_classes - 1.
        mean: float64 [3], per channel over all training images, pixels scaled to 0 … 1.
        sd: float64 [3], likewise.
        provenance: where the images came from, for every run's ``run.json``.
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
    counts = np.zeros((3, 256), dtype=np.int64)
    for image in train.images:
        for channel in range(3):
            counts[channel] += np.bincount(image[channel].reshape(-1), minlength=256)
    share = counts / counts.sum(axis=1, keepdims=True)
    values = np.arange(256) / 255
    mean = share @ values
    sd = np.sqrt(share @ values**2 - mean**2)
    return Dataset(train, test, n_classes, mean, sd, provenance)


def describe_dataset(dataset: Dataset) -> dict:
    """Sum up the content of a data set: sizes, pixel statistics, and a SHA-256 of all of it.

    Neither source nor file layout is in it: two preparations of the same images agree.
    """
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.test):
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(split.labels.astype("<i8").tobytes())
        if split.clients is not None:
            digest.update(split.clients.astype("<i8").tobytes())
    return {
        "n_classes": dataset.n_classes,
        "train_images": len(dataset.train.labels),
        "test_images": len(dataset.test.labels),
        "image_shape": list(dataset.train.images.shape[1:]),
        "mean": dataset.mean.tolist(),
        "sd": dataset.sd.tolist(),
        "content_sha256": digest.hexdigest(),
    }


def labels_digest(dataset: Dataset) -> str:
    """Hash what a partition depends on (SHA-256): each split's labels, and who holds its rows."""
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.test):
        for rows in (split.labels, split.clients):
            digest.update(b"-" if rows is None else rows.astype("<i8").tobytes())
    return digest.hexdigest()


def _canonical(split: Split) -> Split:
    n = len(split.labels)
    clients = np.zeros(n, dtype=np.int64) if split.clients is None else split.clients
    hashes = [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in split.images]
    order = sorted(range(n), key=lambda row: (hashes[row], split.labels[row], clients[row]))
    return Split(
        split.images[order],
        split.labels[order],
        None if split.clients is None else clients[order],
    )

"""From the configuration's description of a data set to its canonical form."""

import hashlib
from pathlib import Path

from fedper.data.dataset import Dataset
from fedper.data.digits import make_digits_dataset
from fedper.data.parquet import read_parquet_dataset
from fedper.errors import InputError

STAND_INS = {"digits": make_digits_dataset}
"""How each stand-in is made; its other settings in the configuration are the arguments."""


def prepare_dataset(stand_in: dict | None, folder: Path, n_classes: int) -> Dataset:
    """Make the stand-in if there is one, else read the data set from ``folder``.

    stand_in: {"source": a key of STAND_INS, …} with the arguments of its function, or None.
    """
    if stand_in is None:
        return read_parquet_dataset(folder, n_classes)
    settings = dict(stand_in)
    source = settings.pop("source", None)
    if source not in STAND_INS:
        raise InputError(f"stand_in.source: '{source}' is not one of {list(STAND_INS)}")
    return STAND_INS[source](**settings)


def describe_dataset(dataset: Dataset) -> dict:
    """Sum up a data set: provenance, sizes, pixel statistics, and a SHA-256 of its content.

    The content's hash depends on neither source nor file layout; two preparations of the same
    images agree in it.
    """
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.test):
        digest.update(split.images.tobytes())
        digest.update(split.labels.astype("<i8").tobytes())
    return {
        "provenance": dataset.provenance,
        "n_classes": dataset.n_classes,
        "train_images": len(dataset.train.labels),
        "test_images": len(dataset.test.labels),
        "image_shape": list(dataset.train.images.shape[1:]),
        "mean": dataset.mean.tolist(),
        "sd": dataset.sd.tolist(),
        "content_sha256": digest.hexdigest(),
    }

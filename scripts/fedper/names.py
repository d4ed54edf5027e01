"""The data sets and models: one record for each, and their names for people.

A further data set is a record here and a reader in :mod:`fedper.data`; a further model is a record
here and a module of its name in :mod:`fedper.algorithm`, with a function of its name.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """One way in which a data set's files can lie in a folder, and what reads them.

    Attributes:
        files: names or patterns; each matches at least one file.
        reader: the module of fedper.data whose ``read`` reads them.
    """

    files: tuple[str, ...]
    reader: str


@dataclass(frozen=True)
class DatasetRecord:
    """What is the same of a data set in every configuration.

    Attributes:
        title: as figures and tables write it.
        n_classes: labels are 0 … n_classes - 1.
        clients: "classes": a partition deals its classes out; "workers": it says who holds what.
        layouts: of its files; the first that is there is read.
        stand_ins: kinds of data that may be made in its place. Each is a module of fedper.data or
            fedper.fetch.
    """

    title: str
    n_classes: int
    clients: str
    layouts: tuple[Layout, ...]
    stand_ins: tuple[str, ...] = ()


PARQUET = Layout(("train-*.parquet", "test-*.parquet"), reader="parquet")
RATINGS = "FLICKR-AES_image_labeled_by_each_worker.csv"
PHOTO_ARCHIVE = "FLICKR-AES-001.zip"
PHOTO_FOLDER = "40K"
"""The folder in the archive, or the unpacked archive, that holds FLICKR-AES's photographs."""

DATASETS = {
    "cifar10": DatasetRecord(
        title="CIFAR-10",
        n_classes=10,
        clients="classes",
        layouts=(PARQUET, Layout(("cifar-10-python.tar.gz",), reader="archives")),
        stand_ins=("digits",),
    ),
    "cifar100": DatasetRecord(
        title="CIFAR-100",
        n_classes=100,
        clients="classes",
        layouts=(PARQUET, Layout(("cifar-100-python.tar.gz",), reader="archives")),
        stand_ins=("coloured_digits",),
    ),
    "flickr_aes": DatasetRecord(
        title="FLICKR-AES",
        n_classes=5,  # a worker's score, 1 … 5
        clients="workers",
        layouts=(
            Layout((RATINGS, PHOTO_ARCHIVE), reader="flickr_aes"),
            Layout((RATINGS, PHOTO_FOLDER), reader="flickr_aes"),
        ),
        stand_ins=("simulated",),
    ),
}
"""The data sets, in the order of the paper."""


@dataclass(frozen=True)
class ModelRecord:
    """What is known of a model without loading PyTorch.

    Attributes:
        title: as figures and tables write it.
        n_layers: layers that K_P can count: stem, blocks, classifier.
    """

    title: str
    n_layers: int


MODELS = {
    "mobilenet_v1": ModelRecord("MobileNet-v1", n_layers=13 + 2),
    "resnet34": ModelRecord("ResNet-34", n_layers=16 + 2),
}
"""The models, in the order of the paper's panels."""


def data_name(dataset: str, stand_in: dict | None) -> str:
    """Name the data that a run used, so that no stand-in passes for the real data set."""
    return dataset if stand_in is None else f"{stand_in['source']} (stand-in for {dataset})"


def real_name(name: str) -> str:
    """Return the data set that a name of :func:`data_name` means or stands in for."""
    match = re.search(r"\(stand-in for (\w+)\)", name)
    return match[1] if match else name


def dataset_title(name: str) -> str:
    """Write the name that :func:`data_name` gave, for people."""
    dataset = real_name(name)
    title = DATASETS[dataset].title
    return title if dataset == name else f"stand-in for {title}"


def dataset_order(name: str) -> int:
    """Rank data sets as the paper has them, stand-ins in the place of what they stand for."""
    return list(DATASETS).index(real_name(name))


def model_title(name: str) -> str:
    """Write a model's name, for people."""
    return MODELS[name].title


def model_order(name: str) -> int:
    """Rank models as the paper has them."""
    return list(MODELS).index(name)

"""From the files of a source, or from no files at all for a stand-in, to a data set."""

from pathlib import Path

import pandas as pd

from fedper.data.dataset import Dataset, make_dataset
from fedper.errors import InputError

FILELESS = ("digits", "digit_pairs")
"""Stand-ins that are made without files; ``simulated`` writes some, which the real reader reads."""


def prepare(
    settings: dict, receipt: dict, seed: int | None, n_threads: int
) -> tuple[Dataset, pd.DataFrame]:
    """Read or make a data set; also return what was left out: columns worker, image, reason.

    settings: as of :func:`fedper.plan.experiments.data_settings`. receipt: as of
    :func:`fedper.fetch.sources.fetch`. seed: of the draw of workers. n_threads: that decode
    photographs. Raises InputError as the readers do.
    """
    nothing = pd.DataFrame(columns=["worker", "image", "reason"])
    stand_in = settings["stand_in"]
    if stand_in and stand_in["source"] in FILELESS:
        return _make(**stand_in), nothing
    provenance = {
        "source": receipt["source"],
        "sha256": {name: file["sha256"] for name, file in receipt["files"].items()},
    }
    if stand_in:
        provenance["note"] = "stand-in: simulated workers and images"
    folder = Path(receipt["folder"])
    if settings["dataset"] == "flickr_aes":
        from fedper.data.flickr_aes import Criteria, read_flickr_aes

        return read_flickr_aes(
            folder,
            Criteria(n_clients=settings["n_clients"], **settings["partition"]),
            settings["image_size"],
            settings["resize_filter"],
            n_threads,
            seed,
            provenance,
        )
    return _read_cifar(settings, folder, list(receipt["files"]), provenance), nothing


def _make(source: str, **settings: object) -> Dataset:
    from fedper.data.digits import make_digit_pairs_dataset, make_digits_dataset

    return {"digits": make_digits_dataset, "digit_pairs": make_digit_pairs_dataset}[source](
        **settings
    )


def _read_cifar(settings: dict, folder: Path, names: list[str], provenance: dict) -> Dataset:
    if names[0].endswith(".parquet"):
        from fedper.data.parquet import read_parquet

        train, test = read_parquet(folder, settings["n_classes"])
    else:
        from fedper.data.archives import CLASSES, read_archive

        train, test = read_archive(folder / names[0], CLASSES[settings["dataset"]])
    for split, name in ((train, "training"), (test, "test")):
        if len(split.labels) == 0:
            raise InputError(f"{folder}: no {name} images in {', '.join(names)}")
    return make_dataset(train, test, settings["n_classes"], provenance)

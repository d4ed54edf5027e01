"""What the reader of a data set's files takes and returns."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fedper.data.dataset import Dataset, Split, make_dataset
from fedper.errors import InputError


@dataclass(frozen=True)
class RawData:
    """What a reader's ``read`` takes.

    It returns the Dataset, and a table of what it left out, with columns worker, image, reason. It
    raises InputError if anything is wrong in the files.

    Attributes:
        folder: where the files are.
        names: of the files, in a layout that names the reader in the data set's record.
        settings: what decides the content, see :class:`fedper.plan.inputs.Prepared`.
        n_classes: labels are 0 … n_classes - 1.
        seed: of what a reader draws; None where it draws nothing.
        n_threads: that may work at the same time.
        provenance: source and SHA-256 of the files, for the Dataset.
    """

    folder: Path
    names: list[str]
    settings: dict
    n_classes: int
    seed: int | None
    n_threads: int
    provenance: dict


def nothing_left_out() -> pd.DataFrame:
    """Make the table of what was left out where that is nothing."""
    return pd.DataFrame(columns=["worker", "image", "reason"])


def whole_dataset(raw: RawData, train: Split, test: Split) -> tuple[Dataset, pd.DataFrame]:
    """Return the two splits as a reader does; raises InputError if one is empty."""
    for split, name in ((train, "training"), (test, "test")):
        if len(split.labels) == 0:
            raise InputError(f"{raw.folder}: no {name} images in {', '.join(raw.names)}")
    return make_dataset(train, test, raw.n_classes, raw.provenance), nothing_left_out()

"""Reading what runs have written, for figures and tables."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fedper.errors import InputError
from fedper.run import Run

RUN_COLUMNS = [
    "dataset",
    "model",
    "method",
    "classes_per_client",
    "personalization_layers",
    "seed",
]
"""The settings that vary between the runs of one scale; a row for each of them is one run.

classes_per_client is NaN where clients are workers.
"""


MODEL_TITLES = {"mobilenet_v1": "MobileNet-v1", "resnet34": "ResNet-34"}
"""How figures and tables write the names of the models, in the order of the paper's panels."""

DATASET_TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "flickr_aes": "FLICKR-AES"}
"""How they write the names of the data sets, in the order of the paper."""


def read_clients(folders: Sequence[Path]) -> pd.DataFrame:
    """Read runs: one row for each run, round and client, with RUN_COLUMNS before its history.

    ``accuracy`` is correct / samples, in 0 … 1. Raises InputError if a file is missing or broken.
    """
    return pd.concat([_read_run(folder) for folder in folders], ignore_index=True)


def mean_over_clients(clients: pd.DataFrame) -> pd.DataFrame:
    """Average accuracy over clients, each counting once: one row for each run and round."""
    by_round = clients.groupby([*RUN_COLUMNS, "round"], sort=False, dropna=False)
    return by_round["accuracy"].mean().reset_index()


def last_round(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each run's last round."""
    last = frame.groupby(RUN_COLUMNS, dropna=False)["round"].transform("max")
    return frame[frame["round"] == last]


def data_name(run: Run) -> str:
    """Name the data that a run really used, so that no stand-in passes for the data set."""
    if run.stand_in is None:
        return run.dataset
    return f"{run.stand_in['source']} (stand-in for {run.dataset})"


def dataset_title(name: str) -> str:
    """Write the name that :func:`data_name` gave, for people."""
    dataset = real_name(name)
    title = DATASET_TITLES[dataset]
    return title if dataset == name else f"stand-in for {title}"


def dataset_order(name: str) -> int:
    """Rank data sets as the paper has them, stand-ins in the place of what they stand for."""
    return list(DATASET_TITLES).index(real_name(name))


def real_name(name: str) -> str:
    """Tell which data set a name of :func:`data_name` means, or stands in for."""
    match = re.search(r"\(stand-in for (\w+)\)", name)
    return match[1] if match else name


def _read_run(folder: Path) -> pd.DataFrame:
    try:
        run = Run(**json.loads((folder / "run.json").read_text(encoding="utf-8"))["run"])
        history = pd.read_csv(folder / "history.csv")
        history["accuracy"] = history["correct"] / history["samples"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not a finished run ({error}); train it again") from error
    history.insert(0, "dataset", data_name(run))
    for position, column in enumerate(RUN_COLUMNS[1:], start=1):
        history.insert(position, column, getattr(run, column))
    return history

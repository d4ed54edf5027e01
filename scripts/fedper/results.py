"""Reading what runs have written, for figures and tables."""

import json
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
"""The settings that vary between the runs of one scale; a row for each of them is one run."""


MODEL_TITLES = {"mobilenet_v1": "MobileNet-v1", "resnet34": "ResNet-34"}
"""How figures and tables write the names of the models, in the order of the paper's panels."""


def read_clients(folders: Sequence[Path]) -> pd.DataFrame:
    """Read runs: one row for each run, round and client, with RUN_COLUMNS before its history.

    ``accuracy`` is correct / samples, in 0 … 1. Raises InputError if a file is missing or broken.
    """
    return pd.concat([_read_run(folder) for folder in folders], ignore_index=True)


def mean_over_clients(clients: pd.DataFrame) -> pd.DataFrame:
    """Average accuracy over clients, each counting once: one row for each run and round."""
    by_round = clients.groupby([*RUN_COLUMNS, "round"], sort=False)
    return by_round["accuracy"].mean().reset_index()


def last_round(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each run's last round."""
    last = frame.groupby(RUN_COLUMNS)["round"].transform("max")
    return frame[frame["round"] == last]


def data_name(run: Run) -> str:
    """Name the data that a run really used, so that no stand-in passes for the data set."""
    if run.stand_in is None:
        return run.dataset
    return f"{run.stand_in['source']} (stand-in for {run.dataset})"


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

"""Reading what runs have written, which tables, figures, facts and verdicts stand on."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from fedper.errors import InputError
from fedper.names import data_name
from fedper.run import Run

FILES_OF_A_RUN = ("history.csv", "run.json", "timing.csv")
"""What :func:`fedper.train.record.write_run` leaves in a run's folder."""

RUN_COLUMNS = [
    "dataset",
    "model",
    "method",
    "classes_per_client",
    "personalization_layers",
    "settings",
    "seed",
]
"""What varies between the runs of one scale; a row for each of them is one run.

classes_per_client is NaN where clients are workers.  settings: rounds, e, b and η in words, which
one figure can have in place of its data set's.
"""


def read_clients(folders: Sequence[Path], missing: Sequence[dict] = ()) -> pd.DataFrame:
    """Read runs: one row for each run, round and client, with RUN_COLUMNS before its history.

    ``accuracy`` is correct / samples, in 0 … 1; NaN for all clients from the round on in which a
    loss is no number any more, or infinite: the run has diverged.  missing: RUN_COLUMNS of runs
    that were asked for and are not there; each is one row without a round and an accuracy.
    Raises InputError if a file is missing or broken, or two runs differ in nothing of RUN_COLUMNS.
    """
    frames = [_read_run(folder) for folder in folders]
    alike = pd.concat([frame[RUN_COLUMNS].head(1) for frame in frames]) if frames else None
    if alike is not None and alike.duplicated().any():
        first = alike[alike.duplicated()].iloc[0].to_dict()
        raise InputError(f"two runs cannot be told apart: {first}; ask for one of them")
    if missing:
        nothing = dict.fromkeys(["round", "accuracy", "bytes_up", "bytes_down"], np.nan)
        frames.append(pd.DataFrame(missing).assign(client=0, **nothing))
    return pd.concat(frames, ignore_index=True)


def read_about(folder: Path) -> dict:
    """Read a run's ``run.json``; raise InputError if it cannot be read."""
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}/run.json: not readable ({error}); train it again") from error


def describe_run(run: Run) -> dict[str, object]:
    """Give the values of RUN_COLUMNS for one run."""
    return describe_settings(asdict(run))


def describe_settings(settings: dict) -> dict[str, object]:
    """Give the values of RUN_COLUMNS for the settings in a ``run.json``.

    Only the keys that they come from are asked for, so that histories stay readable when a run
    gets a further setting or loses one. Raises KeyError or TypeError if one of these is missing.
    """
    method = settings["method"]
    epochs = " + ".join(str(phase["epochs"]) for phase in method["train"])
    return {
        "dataset": data_name(settings["dataset"], settings["stand_in"]),
        "model": settings["model"],
        "method": method["name"],
        "classes_per_client": settings["classes_per_client"],
        "personalization_layers": method["personalization_layers"],
        "settings": f"{settings['rounds']} rounds, e = {epochs}, b = {settings['batch_size']}, "
        f"η = {settings['learning_rate']:g}",
        "seed": settings["seed"],
    }


def _read_run(folder: Path) -> pd.DataFrame:
    try:
        settings = read_about(folder)["run"]
        columns, n_rounds = describe_settings(settings), settings["rounds"]
        history = pd.read_csv(folder / "history.csv")
        finite = np.isfinite(history[["test_loss", "train_loss"]]).all(axis=1)
        ended = history.loc[~finite, "round"].min()  # NaN if it did not
        accuracy = history["correct"] / history["samples"]
        history["accuracy"] = accuracy.mask(history["round"] >= ended)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not a finished run ({error}); train it again") from error
    if np.isnan(ended) and history["round"].max() != n_rounds:
        raise InputError(
            f"{folder}/history.csv: ends at round {history['round'].max()} of {n_rounds}; "
            "train it again"
        )
    for position, (column, value) in enumerate(columns.items()):
        history.insert(position, column, value)
    return history

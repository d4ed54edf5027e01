"""Reading what runs have written, for figures and tables."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fedper.errors import InputError
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


MODEL_TITLES = {"mobilenet_v1": "MobileNet-v1", "resnet34": "ResNet-34"}
"""How figures and tables write the names of the models, in the order of the paper's panels."""

DATASET_TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "flickr_aes": "FLICKR-AES"}
"""How they write the names of the data sets, in the order of the paper."""


MAX_NAMED = 3
"""How many faulty runs a caption names."""


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


def describe_run(run: Run) -> dict[str, object]:
    """Give the values of RUN_COLUMNS for one run."""
    settings = (
        f"{run.rounds} rounds, e = {run.local_epochs}, b = {run.batch_size}, "
        f"η = {run.learning_rate:g}"
    )
    own = {"dataset": data_name(run), "settings": settings}
    return {column: own.get(column, getattr(run, column, None)) for column in RUN_COLUMNS}


def mean_over_clients(clients: pd.DataFrame) -> pd.DataFrame:
    """Average accuracy over clients, each counting once: one row for each run and round."""
    by_round = clients.groupby([*RUN_COLUMNS, "round"], sort=False, dropna=False)
    return by_round["accuracy"].mean().reset_index()


def last_round(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each run's last round, and those of missing runs."""
    last = frame.groupby(RUN_COLUMNS, dropna=False)["round"].transform("max")
    return frame[(frame["round"] == last) | last.isna()]


def faults(clients: pd.DataFrame) -> pd.DataFrame:
    """List the runs that are missing or have diverged: RUN_COLUMNS, fault, and its round.

    clients: as of :func:`read_clients`.  fault: "missing" (round is NaN) or "diverged".
    """
    wrong = clients[clients["accuracy"].isna()]
    first = wrong.groupby(RUN_COLUMNS, dropna=False, sort=False)["round"].min().reset_index()
    return first.assign(fault=np.where(first["round"].isna(), "missing", "diverged"))


def describe_faults(clients: pd.DataFrame) -> str:
    """Name the runs that are missing or have diverged in one line; empty if there are none.

    More than MAX_NAMED are counted instead.
    """
    wrong = faults(clients)
    if len(wrong) > MAX_NAMED:
        n_runs = len(clients.drop_duplicates(RUN_COLUMNS))
        return f"{len(wrong)} of {n_runs} runs are missing or diverged, see Table 1"
    lines = []
    for _, row in wrong.iterrows():
        k = row["classes_per_client"]
        words = [MODEL_TITLES[row["model"]], row["method"]]
        words += [] if pd.isna(k) else [f"k = {k:.0f}"]
        words += [f"K_P = {row['personalization_layers']}", f"seed {row['seed']}"]
        what = row["fault"] if pd.isna(row["round"]) else f"diverged in round {row['round']:.0f}"
        lines.append(f"{what}: {dataset_title(row['dataset'])}, {', '.join(words)}")
    return "; ".join(lines)


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


def figure_title(name: str) -> str:
    """Write the name that a figure has in the configuration, for people."""
    return f"Figure {name.removeprefix('figure')}" if name.startswith("figure") else name


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
        finite = np.isfinite(history[["test_loss", "train_loss"]]).all(axis=1)
        ended = history.loc[~finite, "round"].min()  # NaN if it did not
        accuracy = history["correct"] / history["samples"]
        history["accuracy"] = accuracy.mask(history["round"] >= ended)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not a finished run ({error}); train it again") from error
    if np.isnan(ended) and history["round"].max() != run.rounds:
        raise InputError(
            f"{folder}/history.csv: ends at round {history['round'].max()} of {run.rounds}; "
            "train it again"
        )
    for position, (column, value) in enumerate(describe_run(run).items()):
        history.insert(position, column, value)
    return history

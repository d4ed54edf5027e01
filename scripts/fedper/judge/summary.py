"""The numbers that tables, figures, facts and verdicts share, from the histories of runs."""

import numpy as np
import pandas as pd

from fedper.judge.histories import RUN_COLUMNS
from fedper.names import dataset_order, dataset_title, model_order, model_title

ROW = ["dataset", "model", "classes_per_client", "method", "personalization_layers", "settings"]
"""What has a row of its own in a table: RUN_COLUMNS without the seed, in the order to read."""

FAULTS = ("missing", "diverged")
"""Why a run can have no accuracy."""

MAX_NAMED = 3
"""How many faulty runs a caption names."""


def mean_over_clients(clients: pd.DataFrame) -> pd.DataFrame:
    """Average accuracy over clients, each counting once: one row for each run and round.

    clients, here and below: as of :func:`fedper.judge.histories.read_clients`.
    """
    by_round = clients.groupby([*RUN_COLUMNS, "round"], sort=False, dropna=False)
    return by_round["accuracy"].mean().reset_index()


def last_round(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each run's last round, and those of missing runs."""
    last = frame.groupby(RUN_COLUMNS, dropna=False)["round"].transform("max")
    return frame[(frame["round"] == last) | last.isna()]


def accuracy_and_traffic(clients: pd.DataFrame) -> pd.DataFrame:
    """Sum up each round of each run: accuracy, mean over clients, and traffic so far.

    megabytes: tensors sent and received by all clients together since the first round, in 10^6
    bytes.
    """
    by_round = clients.assign(bytes=clients["bytes_up"] + clients["bytes_down"]).groupby(
        [*RUN_COLUMNS, "round"], sort=False, dropna=False
    )
    rounds = by_round.agg(accuracy=("accuracy", "mean"), bytes=("bytes", "sum")).reset_index()
    so_far = rounds.groupby(RUN_COLUMNS, sort=False, dropna=False)["bytes"].cumsum()
    return rounds.drop(columns="bytes").assign(megabytes=so_far / 1e6)


def final_accuracy(clients: pd.DataFrame) -> pd.DataFrame:
    """Sum up the last round of every setting, one row each.

    accuracy_mean, accuracy_sd: of the client mean, over seeds (sd: NaN for one seed).
    client_sd: spread over clients, mean over seeds.  client_min: the worst client of any seed.
    All in 0 … 1, over the n_seeds - n_missing - n_diverged runs that have a last round.
    """
    last = last_round(clients)
    seeds = last.groupby([*RUN_COLUMNS, "round"], dropna=False)["accuracy"].agg(
        ["mean", "std", "min"]
    )
    rows = seeds.reset_index().groupby(ROW, dropna=False)
    table = rows.agg(
        round=("round", "max"),
        n_seeds=("seed", "nunique"),
        accuracy_mean=("mean", "mean"),
        accuracy_sd=("mean", "std"),
        client_sd=("std", "mean"),
        client_min=("min", "min"),
    ).reset_index()
    wrong = faults(clients).groupby([*ROW, "fault"], dropna=False).size().reset_index(name="n")
    for fault in FAULTS:
        n_runs = wrong[wrong["fault"] == fault].drop(columns="fault")
        counts = table[ROW].merge(n_runs, how="left", on=ROW)["n"]
        table[f"n_{fault}"] = counts.fillna(0).astype(int)
    return in_order(table)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort by data set and model as the paper has them, then by what varies."""
    order = {"dataset": dataset_order, "model": model_order}
    return table.sort_values(
        [column for column in ROW if column in table],
        key=lambda column: column.map(order[column.name]) if column.name in order else column,
        ignore_index=True,
    )


def describe_accuracy(row: pd.Series) -> str:
    """Write mean ± sd of the seeds that have an accuracy, and what became of the others."""
    lost = [
        f"{row[f'n_{fault}']} of {row['n_seeds']} {fault}" if row["n_seeds"] > 1 else fault
        for fault in FAULTS
        if row[f"n_{fault}"]
    ]
    if np.isnan(row["accuracy_mean"]):
        return ", ".join(lost)
    spread = "" if np.isnan(row["accuracy_sd"]) else f" ± {row['accuracy_sd']:.3f}"
    note = f" ({', '.join(lost)})" if lost else ""
    return f"{row['accuracy_mean']:.3f}{spread}{note}"


def faults(clients: pd.DataFrame) -> pd.DataFrame:
    """List the runs that are missing or have diverged: RUN_COLUMNS, fault, and its round.

    fault: "missing" (round is NaN) or "diverged".
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
        words = [model_title(row["model"]), row["method"]]
        words += [] if pd.isna(k) else [f"k = {k:.0f}"]
        words += [f"K_P = {row['personalization_layers']}", f"seed {row['seed']}"]
        what = row["fault"] if pd.isna(row["round"]) else f"diverged in round {row['round']:.0f}"
        lines.append(f"{what}: {dataset_title(row['dataset'])}, {', '.join(words)}")
    return "; ".join(lines)

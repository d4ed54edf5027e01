"""The numbers that tables, figures, facts and verdicts share."""

import numpy as np
import pandas as pd

from fedper.method import Phase, Test
from fedper.names import dataset_order, model_order
from fedper.results.faults import FAULTS, count_faults, faults
from fedper.results.histories import RUN_COLUMNS

ROW = ["dataset", "model", "classes_per_client", "method", "personalization_layers", "settings"]
"""What has a row of its own in a table: RUN_COLUMNS without the seed, in reading order."""


def of_all_clients(frame: pd.DataFrame, keys: list[str], column: str, how: str) -> pd.Series:
    """Sum up a column over the clients of each group; NaN if a client of the group has no value."""
    groups = frame.groupby(keys, sort=False, dropna=False)[column]
    return groups.agg(how).where(groups.count() == groups.size())


def mean_over_clients(clients: pd.DataFrame) -> pd.DataFrame:
    """Average accuracy and floor over clients, all with the same weight.

    Args:
        clients: as of :func:`fedper.results.histories.read_clients` or ``read_tests``.

    Returns:
        a row for each run, round and, if several were read, test.
    """
    tests = [column for column in ("test", "reference") if column in clients]
    keys = [*RUN_COLUMNS, *tests, "round"]
    means = {name: of_all_clients(clients, keys, name, "mean") for name in ("accuracy", "floor")}
    return pd.DataFrame(means).reset_index()


TUNED_FIRST = Phase("all", 1)
"""What clients train before a fine-tuned test, and forget after it."""


def with_fine_tuned_fedavg(tests: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each run's reference, and add FedAvg fine-tuned as a method of its own.

    FedAvg fine-tuned is a test of FedAvg's runs: the reference after TUNED_FIRST. It has rows in
    the rounds in which that test was due.

    Args:
        tests: as of :func:`fedper.results.histories.read_tests`.
    """
    missing = tests[tests["fault"] == "missing"].drop_duplicates(RUN_COLUMNS)
    reference = tests[tests["reference"]]
    fedavg = tests[tests["method"] == "FedAvg"]
    parts = (name.split(" ", maxsplit=1) for name in reference["test"].unique())
    names = {Test(when, batchnorm, train=(TUNED_FIRST,)).name for when, batchnorm in parts}
    tuned = fedavg[fedavg["test"].isin(names)]
    tuned = tuned.assign(method="FedAvg fine-tuned", reference=True)
    return pd.concat([reference, missing.assign(reference=True), tuned], ignore_index=True)


def last_round(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each run's last round, and those of missing runs."""
    last = frame.groupby(RUN_COLUMNS, dropna=False)["round"].transform("max")
    return frame[(frame["round"] == last) | last.isna()]


def accuracy_and_traffic(clients: pd.DataFrame) -> pd.DataFrame:
    """Add to :func:`mean_over_clients` what was sent up to each round.

    That is ``megabytes``: tensors sent and received by all clients together, in 10^6 bytes.
    """
    rounds = mean_over_clients(clients)
    sent = clients.assign(bytes=clients["bytes_up"] + clients["bytes_down"]).groupby(
        [*RUN_COLUMNS, "round"], sort=False, dropna=False
    )["bytes"]
    rounds["bytes"] = sent.sum().to_numpy()
    so_far = rounds.groupby(RUN_COLUMNS, sort=False, dropna=False)["bytes"].cumsum()
    return rounds.drop(columns="bytes").assign(megabytes=so_far / 1e6)


def final_accuracy(clients: pd.DataFrame) -> pd.DataFrame:
    """Sum up the last round of every setting.

    Args:
        clients: as of :func:`fedper.results.histories.read_clients`.

    Returns:
        a row for each ROW. Numbers are in 0 … 1, over the runs in whose last round every client has
        an accuracy:

        - accuracy_mean, accuracy_sd: over seeds, of the mean over clients; sd is NaN for one seed.
        - balanced_mean: the same mean of balanced accuracy.
        - floor: the same mean of guessing each client's commonest label.
        - client_sd: standard deviation over clients, mean over seeds.
        - client_min: the worst client of any seed.
        - n_seeds, n_missing, n_diverged, n_untested: numbers of runs.
    """
    last = last_round(clients)
    of_run = {
        name: of_all_clients(last, [*RUN_COLUMNS, "round"], column, how)
        for name, (column, how) in {
            "mean": ("accuracy", "mean"),
            "sd": ("accuracy", "std"),
            "min": ("accuracy", "min"),
            "balanced": ("balanced_accuracy", "mean"),
            "floor": ("floor", "mean"),
        }.items()
    }
    rows = pd.DataFrame(of_run).reset_index().groupby(ROW, dropna=False)
    table = rows.agg(
        round=("round", "max"),
        n_seeds=("seed", "nunique"),
        accuracy_mean=("mean", "mean"),
        accuracy_sd=("mean", "std"),
        balanced_mean=("balanced", "mean"),
        floor=("floor", "mean"),
        client_sd=("sd", "mean"),
        client_min=("min", "min"),
    ).reset_index()
    wrong = faults(last).groupby([*ROW, "fault"], dropna=False).size().reset_index(name="n")
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
    lost = ", ".join(count_faults(row))
    if np.isnan(row["accuracy_mean"]):
        return lost
    spread = "" if np.isnan(row["accuracy_sd"]) else f" ± {row['accuracy_sd']:.3f}"
    return f"{row['accuracy_mean']:.3f}{spread}" + (f" ({lost})" if lost else "")

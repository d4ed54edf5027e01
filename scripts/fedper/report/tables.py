"""Tables 1 and 2, from the histories of all runs; what a table is."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fedper.judge.histories import (
    MODEL_TITLES,
    RUN_COLUMNS,
    dataset_order,
    dataset_title,
    faults,
    last_round,
)

ROW = [
    "dataset",
    "model",
    "classes_per_client",
    "method",
    "personalization_layers",
    "settings",
]
"""What has a row of its own in Table 1: RUN_COLUMNS without the seed, in the order to read."""


@dataclass(frozen=True)
class Table:
    """A table to be written.

    frame: all digits, for programs.  shown: text, for readers.  explained: what its columns are.
    """

    number: int
    title: str
    frame: pd.DataFrame
    shown: pd.DataFrame
    explained: str


def table1(clients: pd.DataFrame) -> Table:
    """Accuracy in the last round, a row for every data set, model, k, method and K_P."""
    frame = final_accuracy(clients)
    shown = _keys_for_reading(frame)
    shown["round"] = frame["round"].map("{:.0f}".format).replace("nan", "-")
    shown["seeds"] = frame["n_seeds"]
    shown["accuracy"] = [describe_accuracy(row) for _, row in frame.iterrows()]
    shown["spread"] = frame["client_sd"].map(_three_digits)
    shown["worst"] = frame["client_min"].map(_three_digits)
    return Table(
        number=1,
        title="Test accuracy in the last round",
        frame=frame,
        shown=shown,
        explained="Accuracy: mean over clients, then mean ± sd over seeds. Spread: sd over "
        "clients, mean over seeds. Worst: the client with the lowest accuracy of any seed.",
    )


def table2(clients: pd.DataFrame) -> Table:
    """Accuracy by K_P, for every setting in which more than one number of layers was tried."""
    keys = ["dataset", "model", "classes_per_client", "settings"]
    fedper = clients[clients["method"] == "FedPer"]
    n_depths = fedper.groupby(keys, dropna=False)["personalization_layers"].nunique()
    several = n_depths[n_depths > 1].reset_index()[keys]
    depths = clients[clients["method"].isin(["FedAvg", "FedPer"])].merge(several, on=keys)
    frame = final_accuracy(_seeds_of_every_depth(depths, keys))
    nothing = "no seed has every K_P" if len(depths) else "no setting has several K_P of FedPer"
    shown = pd.DataFrame({"data set": [nothing]})
    if len(frame):
        shown = _a_column_a_depth(frame, keys)
    return Table(
        number=2,
        title="Test accuracy in the last round by number of personalization layers",
        frame=frame,
        shown=shown,
        explained="Mean over clients, then mean ± sd over those seeds that every K_P of a row has.",
    )


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
    for fault in ("missing", "diverged"):
        n_runs = wrong[wrong["fault"] == fault].drop(columns="fault")
        counts = table[ROW].merge(n_runs, how="left", on=ROW)["n"]
        table[f"n_{fault}"] = counts.fillna(0).astype(int)
    return in_order(table)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort by data set and model as the paper has them, then by what varies."""
    order = {"dataset": dataset_order, "model": list(MODEL_TITLES).index}
    return table.sort_values(
        [column for column in ROW if column in table],
        key=lambda column: column.map(order[column.name]) if column.name in order else column,
        ignore_index=True,
    )


def _a_column_a_depth(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Write the accuracies of one setting beside each other."""
    accuracy = [describe_accuracy(row) for _, row in frame.iterrows()]
    wide = frame.assign(accuracy=accuracy).pivot(
        index=[*keys, "n_seeds"], columns="personalization_layers", values="accuracy"
    )
    wide = in_order(wide.reset_index())
    shown = _keys_for_reading(wide)
    shown["seeds"] = wide["n_seeds"]
    for depth in sorted(frame["personalization_layers"].unique()):
        name = "FedAvg" if depth == 0 else f"K_P = {depth}"
        shown[name] = wide[depth].fillna("-")
    return shown


def _seeds_of_every_depth(depths: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Keep the seeds for which every K_P of a setting was asked for."""
    wanted = depths.groupby(keys, dropna=False)["personalization_layers"].transform("nunique")
    by_seed = depths.groupby([*keys, "seed"], dropna=False)["personalization_layers"]
    return depths[by_seed.transform("nunique") == wanted]


def _keys_for_reading(frame: pd.DataFrame) -> pd.DataFrame:
    """Write data set, model, k and, where the frame has them, method and K_P.

    A data set whose runs have several settings says which.
    """
    several = frame.groupby("dataset")["settings"].transform("nunique") > 1
    names = frame["dataset"].map(dataset_title)
    shown = pd.DataFrame({"data set": names.where(~several, names + ", " + frame["settings"])})
    shown["model"] = frame["model"].map(MODEL_TITLES)
    shown["k"] = frame["classes_per_client"].map(lambda k: "-" if np.isnan(k) else f"{k:.0f}")
    if "method" in frame:
        shown["method"] = frame["method"]
        shown["K_P"] = frame["personalization_layers"]
    return shown


def describe_accuracy(row: pd.Series) -> str:
    """Write mean ± sd of the seeds that have an accuracy, and what became of the others."""
    lost = [
        f"{row[f'n_{fault}']} of {row['n_seeds']} {fault}" if row["n_seeds"] > 1 else fault
        for fault in ("missing", "diverged")
        if row[f"n_{fault}"]
    ]
    if np.isnan(row["accuracy_mean"]):
        return ", ".join(lost)
    spread = "" if np.isnan(row["accuracy_sd"]) else f" ± {row['accuracy_sd']:.3f}"
    note = f" ({', '.join(lost)})" if lost else ""
    return f"{row['accuracy_mean']:.3f}{spread}{note}"


def _three_digits(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"

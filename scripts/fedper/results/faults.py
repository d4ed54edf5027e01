"""Runs without an accuracy: which, why, and how captions and tables say it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fedper.names import dataset_title, model_title
from fedper.results.histories import RUN_COLUMNS, describe_settings, read_about

FAULTS = ("missing", "diverged", "untested")
"""Why a run has no accuracy, the gravest first; :mod:`fedper.results.histories` explains them."""

MAX_NAMED = 3
"""How many faulty runs a caption names."""


def faults(clients: pd.DataFrame) -> pd.DataFrame:
    """List the runs that have no accuracy somewhere.

    Args:
        clients: as of :func:`fedper.results.histories.read_clients`.

    Returns:
        a row for each: RUN_COLUMNS; fault, the gravest of the run; round, the first with that
        fault, NaN where the run is missing.
    """
    wrong = clients[clients["fault"] != ""]
    rank = wrong["fault"].map(FAULTS.index)
    wrong = wrong.assign(rank=rank).sort_values(["rank", "round"], kind="stable")
    first = wrong.groupby(RUN_COLUMNS, dropna=False, sort=False)[["fault", "round"]].head(1).index
    return wrong.loc[first.sort_values(), [*RUN_COLUMNS, "fault", "round"]].reset_index(drop=True)


def describe_faults(clients: pd.DataFrame) -> str:
    """Name the runs without an accuracy in one line, or count them if they are many.

    Returns "" if there are none; clients: as for :func:`faults`.
    """
    wrong = faults(clients)
    if len(wrong) > MAX_NAMED:
        n_runs = len(clients.drop_duplicates(RUN_COLUMNS))
        kinds = [kind for kind in FAULTS if kind in set(wrong["fault"])]
        return f"{len(wrong)} of {n_runs} runs are {' or '.join(kinds)}, see Table 1"
    return "; ".join(_describe(row) for _, row in wrong.iterrows())


def describe_machines(folders: Sequence[Path]) -> str:
    """Name in one line the runs that more than one machine computed; "" if there are none.

    Machines round differently, so one machine cannot repeat such a history bit for bit.
    """
    abouts = [read_about(folder) for folder in folders]
    moved = [about for about in abouts if len(about.get("machines", [])) > 1]
    n_runs = len(abouts)
    if len(moved) > MAX_NAMED:
        return f"{len(moved)} of {n_runs} runs continued on another machine, see their run.json"
    return "; ".join(
        f"continued on another machine: {_name(pd.Series(describe_settings(about['run'])))} "
        f"({len(about['machines'])} machines)"
        for about in moved
    )


def count_faults(row: pd.Series) -> list[str]:
    """Say how many runs of a setting have which fault; row: has n_seeds and n_<fault>."""
    return [
        f"{row[f'n_{fault}']} of {row['n_seeds']} {fault}" if row["n_seeds"] > 1 else fault
        for fault in FAULTS
        if row[f"n_{fault}"]
    ]


def _describe(row: pd.Series) -> str:
    what = row["fault"] if pd.isna(row["round"]) else f"{row['fault']} in round {row['round']:.0f}"
    what += " (a test loss is no finite number)" if row["fault"] == "untested" else ""
    return f"{what}: {_name(row)}"


def _name(row: pd.Series) -> str:
    k = row["classes_per_client"]
    words = [dataset_title(row["dataset"]), model_title(row["model"]), row["method"]]
    words += [] if pd.isna(k) else [f"k = {k:.0f}"]
    return ", ".join([*words, f"K_P = {row['personalization_layers']}", f"seed {row['seed']}"])

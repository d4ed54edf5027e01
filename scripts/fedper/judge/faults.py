"""Runs that have no accuracy, and why; how that is said in tables and captions."""

import pandas as pd

from fedper.judge.histories import RUN_COLUMNS
from fedper.names import dataset_title, model_title

FAULTS = ("missing", "diverged", "untested")
"""Why a run can have no accuracy; see :func:`fedper.judge.histories.read_clients`."""

MAX_NAMED = 3
"""How many faulty runs a caption names."""


def faults(clients: pd.DataFrame) -> pd.DataFrame:
    """List the runs with a row that has no accuracy: RUN_COLUMNS, fault, and its first round.

    clients, here and below: as of :func:`fedper.judge.histories.read_clients`. fault: one of
    FAULTS, the gravest of a run; round is NaN where it is missing.
    """
    wrong = clients[clients["fault"] != ""]
    rank = wrong["fault"].map(FAULTS.index)
    wrong = wrong.assign(rank=rank).sort_values(["rank", "round"], kind="stable")
    first = wrong.groupby(RUN_COLUMNS, dropna=False, sort=False)[["fault", "round"]].head(1).index
    return wrong.loc[first.sort_values(), [*RUN_COLUMNS, "fault", "round"]].reset_index(drop=True)


def describe_faults(clients: pd.DataFrame) -> str:
    """Name the runs without an accuracy in one line; empty if there are none.

    More than MAX_NAMED are counted instead.
    """
    wrong = faults(clients)
    if len(wrong) > MAX_NAMED:
        n_runs = len(clients.drop_duplicates(RUN_COLUMNS))
        kinds = [kind for kind in FAULTS if kind in set(wrong["fault"])]
        return f"{len(wrong)} of {n_runs} runs are {' or '.join(kinds)}, see Table 1"
    return "; ".join(_describe(row) for _, row in wrong.iterrows())


def count_faults(row: pd.Series) -> list[str]:
    """Say how many of a setting's runs have which fault; row: with n_seeds and n_<fault>."""
    return [
        f"{row[f'n_{fault}']} of {row['n_seeds']} {fault}" if row["n_seeds"] > 1 else fault
        for fault in FAULTS
        if row[f"n_{fault}"]
    ]


def _describe(row: pd.Series) -> str:
    k = row["classes_per_client"]
    words = [model_title(row["model"]), row["method"]]
    words += [] if pd.isna(k) else [f"k = {k:.0f}"]
    words += [f"K_P = {row['personalization_layers']}", f"seed {row['seed']}"]
    what = row["fault"] if pd.isna(row["round"]) else f"{row['fault']} in round {row['round']:.0f}"
    what += " (a test loss is no finite number)" if row["fault"] == "untested" else ""
    return f"{what}: {dataset_title(row['dataset'])}, {', '.join(words)}"

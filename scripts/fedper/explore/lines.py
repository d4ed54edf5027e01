"""What the page's charts show of runs: a line for each run and test, and for their mean."""

from pathlib import Path

import pandas as pd

from fedper.files import is_whole_run
from fedper.names import dataset_title, model_title
from fedper.plan.experiments import runs_of_figures
from fedper.plan.universes import universes
from fedper.results.histories import read_tests
from fedper.results.summary import last_round, mean_over_clients

REFERENCE = "the reference"
"""The universe of the runs behind figures and claims."""

MEAN = "mean"
"""The seed of a line that is a mean over seeds."""

SETTING = ["dataset", "model", "k", "method", "K_P", "universe", "test", "settings"]
"""What the seeds of one mean have in common."""

DIGITS = 4
"""Of an accuracy in the page."""


def lines_of_runs(config: dict, folder: Path) -> list[dict]:
    """List the lines of a scale's runs that are there, in the order of the configuration.

    Args:
        config: the configuration.
        folder: of all runs.

    Returns:
        a mapping for each line:

        - SETTING: in words. universe: REFERENCE or a name of the configuration.
        - seed: "seed 0" …, or MEAN: these lines come last.
        - line: method, with K_P where the method has several.
        - reference: whether the test is the run's reference.
        - run: its name; "" for a mean.
        - group: number of the setting, the same for its seeds and their mean.
        - rounds, accuracy: of the tests, mean over clients in 0 … 1; None where a client has none.
        - low, high: mean ± sd over seeds; None for a run and where there is one seed.
        - clients, floors: of the last round, each client's accuracy and that of always guessing its
          commonest test label; empty for a mean.

    Raises:
        InputError: as :func:`fedper.results.histories.read_tests` does.
    """
    lines = [
        line
        for name, universe in universes_of_runs(config).items()
        if is_whole_run(folder / name)
        for line in _lines_of_run(read_tests([folder / name]), name, universe)
    ]
    _name_lines(lines)
    groups: dict[tuple, list[dict]] = {}
    for line in lines:
        groups.setdefault(tuple(line[key] for key in SETTING), []).append(line)
    for number, of_one in enumerate(groups.values()):
        for line in of_one:
            line["group"] = number
    return lines + [_mean(of_one) for of_one in groups.values()]


def universes_of_runs(config: dict) -> dict[str, str]:
    """Give the universe of every run of a scale, by its name; what figures show is REFERENCE."""
    found = dict.fromkeys(runs_of_figures(config), REFERENCE)
    for one in sorted(universes(config), key=lambda one: bool(one.changes)):  # the reference first
        for run in one.runs:
            found.setdefault(run.name, one.name if one.changes else REFERENCE)
    return found


def _lines_of_run(tests: pd.DataFrame, name: str, universe: str) -> list[dict]:
    first = tests.iloc[0]
    k, k_p = first["classes_per_client"], first["personalization_layers"]
    setting = {
        "dataset": dataset_title(first["dataset"]),
        "model": model_title(first["model"]),
        "k": "clients are workers" if pd.isna(k) else f"k = {k:.0f}",
        "method": first["method"],
        "K_P": f"K_P = {k_p}",
        "universe": universe,
        "settings": first["settings"],
        "seed": f"seed {first['seed']}",
        "run": name,
    }
    return [
        {
            **setting,
            "test": test,
            "reference": bool(rows["reference"].iloc[0]),
            "rounds": means["round"].astype(int).to_list(),
            "accuracy": _numbers(means["accuracy"]),
            "low": None,
            "high": None,
            "clients": _numbers(last_round(rows)["accuracy"]),
            "floors": _numbers(last_round(rows)["floor"]),
        }
        for test, rows in tests.groupby("test", sort=False)
        for means in [mean_over_clients(rows)]
    ]


def _name_lines(lines: list[dict]) -> None:
    """Add ``line`` to each."""
    depths: dict[str, set[str]] = {}
    for line in lines:
        depths.setdefault(line["method"], set()).add(line["K_P"])
    for line in lines:
        several = len(depths[line["method"]]) > 1
        line["line"] = line["method"] + (f", {line['K_P']}" if several else "")


def _mean(of_one: list[dict]) -> dict:
    """Make a line for the mean over the seeds of one setting; a round counts if all have it."""
    seeds = pd.DataFrame(
        [pd.Series(line["accuracy"], line["rounds"], dtype=float) for line in of_one]
    )
    mean, sd = seeds.mean(skipna=False), seeds.std(skipna=False)
    return {
        **of_one[0],
        "seed": MEAN,
        "run": "",
        "rounds": mean.index.to_list(),
        "accuracy": _numbers(mean),
        "low": _numbers(mean - sd),
        "high": _numbers(mean + sd),
        "clients": [],
        "floors": [],
    }


def _numbers(values: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else round(float(value), DIGITS) for value in values]

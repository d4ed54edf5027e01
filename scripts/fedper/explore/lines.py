"""What the page's charts show of runs: a line for each run and test, and for their mean."""

from pathlib import Path

import pandas as pd

from fedper.files import is_whole_run
from fedper.names import dataset_title, model_title
from fedper.plan.experiments import all_runs, runs_of_figures
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
    lines += _means(lines)
    return _with_labels(lines)


def universes_of_runs(config: dict) -> dict[str, str]:
    """Give the universe of every run of a scale, by its name; what figures show is REFERENCE."""
    reference = dict.fromkeys(runs_of_figures(config), REFERENCE)
    others = {
        run.name: one.name if one.changes else REFERENCE
        for one in reversed(universes(config))
        for run in one.runs
    }
    return {name: (others | reference)[name] for name in all_runs(config)}


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


def _means(lines: list[dict]) -> list[dict]:
    """Make a line for the mean over the seeds of each setting; a round counts if all have it."""
    groups: dict[tuple, list[dict]] = {}
    for line in lines:
        groups.setdefault(tuple(line[key] for key in SETTING), []).append(line)
    means = []
    for of_one in groups.values():
        seeds = pd.DataFrame(
            [pd.Series(line["accuracy"], line["rounds"], dtype=float) for line in of_one]
        )
        mean, sd = seeds.mean(skipna=False), seeds.std(skipna=False)
        means.append(
            {
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
        )
    return means


def _with_labels(lines: list[dict]) -> list[dict]:
    """Add ``line`` and ``group``."""
    depths: dict[str, set[str]] = {}
    groups: dict[tuple, int] = {}
    for line in lines:
        depths.setdefault(line["method"], set()).add(line["K_P"])
    for line in lines:
        several = len(depths[line["method"]]) > 1
        line["line"] = line["method"] + (f", {line['K_P']}" if several else "")
        line["group"] = groups.setdefault(tuple(line[key] for key in SETTING), len(groups))
    return lines


def _numbers(values: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else round(float(value), DIGITS) for value in values]

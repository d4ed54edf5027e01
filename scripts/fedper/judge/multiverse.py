"""The same effects in every reading of the protocol that was run.

None is left out because of how it came out: there is a row for each reading and effect, without a
value where there is none, and then it says why.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from fedper.judge.choices import NOT_SET, differing
from fedper.judge.faults import FAULTS
from fedper.judge.histories import FILES_OF_A_RUN, read_tests
from fedper.judge.readings import Effect, Reading, effects_of, readings_of
from fedper.judge.rules import LEVEL, MIN_SEEDS
from fedper.judge.summary import last_round, of_all_clients
from fedper.run import Run

CHOICE = "choice: "
"""How the columns of choices begin."""

SAME = "same runs"
"""The fault of a universe that changes none of an effect's runs, so it is no further reading."""


def measure_readings(config: dict, folder: Path) -> pd.DataFrame:
    """Measure the effects in all readings: a row for each of both, the reference's first.

    folder: of runs.  mean, low, high: over the effects of seeds, each averaged over models, with
    the 95 % interval of Student's t, NaN below MIN_SEEDS seeds.  n_seeds: of n_planned, those that
    all runs are there of; n_missing: runs that are not.  fault: "", "missing" (in all seeds),
    "diverged" or "untested" (one of the runs; the others have no say then), or SAME.  choice: …:
    what readings choose differently.  universes_…: as of :func:`count_universes`.
    Raises InputError as :func:`fedper.judge.histories.read_tests` does.
    """
    effects, readings = effects_of(config), readings_of(config)
    shown = differing([reading.choices for reading in readings])
    measured: dict[str, pd.DataFrame] = {}
    rows = [
        {
            "reading": reading.name,
            "kind": reading.kind,
            "reference": reading.is_reference,
            "claim": effect.claim,
            "effect": effect.text,
            **_measure(effect, reading, folder, measured),
            "stand_in": any(run.stand_in is not None for run in reading.runs),
            **{CHOICE + name: reading.choices.get(name, NOT_SET) for name in shown},
        }
        for reading in readings
        for effect in effects
    ]
    table = pd.DataFrame(rows)
    numbers = {f"universes_{name}": n for name, n in count_universes(table).items()}
    return table.assign(**numbers)


def count_universes(readings: pd.DataFrame) -> dict[str, int]:
    """Count the universes that were planned, those that concern the effects, those that ran."""
    of_one = readings[readings["kind"] == "universe"].groupby("reading")
    concern = of_one["fault"].agg(lambda faults: (faults != SAME).any())
    ran = concern & (of_one["n_missing"].sum() == 0)
    return {"planned": len(concern), "concerned": int(concern.sum()), "ran": int(ran.sum())}


def describe_readings(readings: pd.DataFrame) -> str:
    """Say how many readings there are, and name those that lack a value or some of their seeds."""
    n, n_effects = count_universes(readings), readings["claim"].nunique()
    n_tests = readings.loc[readings["kind"] == "test", "reading"].nunique()
    others = f"; {n_tests} other tests" if n_tests else ""
    words = [f"Universes: {n['planned']} planned, {n['ran']} ran{others}"]
    is_same = readings["fault"] == SAME
    elsewhere = is_same.groupby(readings["reading"]).transform("all")
    fewer = (readings["fault"] == "") & (readings["n_seeds"] < readings["n_planned"])
    lacking = {
        "Change none of these runs": elsewhere,
        **{fault.capitalize(): readings["fault"] == fault for fault in FAULTS},
        "Fewer seeds than planned": fewer,
    }
    for what, rows in lacking.items():
        groups = readings[rows].groupby("reading", sort=False)
        names = [
            f"“{name}”" + (f" ({', '.join(of_one['claim'])})" if len(of_one) < n_effects else "")
            for name, of_one in groups
        ]
        words += [f"{what}: {', '.join(names)}"] if names else []
    if readings["stand_in"].any():
        words.append("Stand-in data, which say nothing about the paper's claims")
    return ". ".join(words)


def _measure(
    effect: Effect, reading: Reading, folder: Path, measured: dict[str, pd.DataFrame]
) -> dict[str, object]:
    """Measure one effect in one reading; measured: what was read of runs so far, by name."""
    nothing = dict.fromkeys(("mean", "low", "high"), np.nan)
    if effect.claim not in reading.touched:
        return {**nothing, "n_seeds": 0, "n_planned": 0, "n_missing": 0, "fault": SAME}
    terms = []
    for (model, seed), arms in effect.pairs(reading.runs).items():
        for weight, run in arms:
            if run.name not in measured:
                measured[run.name] = _read(run, folder)
            test = None if reading.test is None else reading.test.name
            value, fault = _value(measured[run.name], test, effect.measure)
            terms.append((seed, model, weight * value, fault))
    found = pd.DataFrame(terms, columns=["seed", "model", "value", "fault"])
    is_missing = found["fault"] == "missing"
    numbers = {"n_planned": found["seed"].nunique(), "n_missing": int(is_missing.sum())}
    of_pair = found.groupby(["seed", "model"])["value"].agg(lambda values: values.sum(skipna=False))
    by_seed = of_pair.groupby("seed").agg(lambda values: values.mean(skipna=False)).dropna()
    bad = found.loc[~is_missing & (found["fault"] != ""), "fault"]
    if len(bad) or by_seed.empty:
        fault = min(bad, key=FAULTS.index, default="missing")
        return {**nothing, "n_seeds": 0, **numbers, "fault": fault}
    low, high = _interval(by_seed.to_numpy())
    numbers = {"n_seeds": len(by_seed), **numbers}
    return {"mean": by_seed.mean(), "low": low, "high": high, **numbers, "fault": ""}


def _interval(effects: np.ndarray) -> tuple[float, float]:
    """Give Student's t interval of the mean; float [n_seeds]."""
    n = len(effects)
    if n < MIN_SEEDS:
        return np.nan, np.nan
    half = stats.t.ppf(1 - LEVEL / 2, n - 1) * stats.sem(effects)
    return effects.mean() - half, effects.mean() + half


def _read(run: Run, folder: Path) -> pd.DataFrame:
    """Read a run's last round: accuracy, spread over clients and fault of each test.

    No rows where the run is not there.
    """
    if not all((folder / run.name / name).exists() for name in FILES_OF_A_RUN):
        return pd.DataFrame(columns=["accuracy", "spread", "fault", "reference"])
    last = last_round(read_tests([folder / run.name]))
    keys = ["test", "reference"]
    return pd.DataFrame(
        {
            "accuracy": of_all_clients(last, keys, "accuracy", "mean"),
            "spread": of_all_clients(last, keys, "accuracy", "std"),
            "fault": last.groupby(keys, sort=False)["fault"].max(),  # "" is the least
        }
    ).reset_index("reference")


def _value(of_run: pd.DataFrame, test: str | None, measure: str) -> tuple[float, str]:
    """Look up a measure of a test, or of the reference, in what :func:`_read` gave."""
    rows = of_run[of_run["reference"] if test is None else of_run.index == test]
    if rows.empty:
        return np.nan, "missing"
    return rows[measure].item(), rows["fault"].item()

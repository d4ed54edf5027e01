"""The same effects in every reading of the protocol that was run.

No reading is left out because of its result. There is a row for each reading and effect; where it
has no value, it says why.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fedper.files import is_whole_run
from fedper.judge.comparisons import MEASURES, compare, run_values
from fedper.judge.readings import NOT_SET, Effect, Reading, differing, effects_of, readings_of
from fedper.results.histories import describe_run, read_tests
from fedper.results.summary import last_round
from fedper.run import Run

CHOICE = "choice: "
"""How the columns of choices begin."""

SAME = "same runs"
"""The fault of an effect whose runs a universe does not change."""


def measure_readings(config: dict, folder: Path) -> pd.DataFrame:
    """Measure the effects in all readings.

    Args:
        config: the configuration.
        folder: of all runs.

    Returns:
        a row for each reading and effect, the reference's first:

        - mean, low, high: over the effects of seeds, with the 95 % interval by Student's t,
          uncorrected.
        - n_planned, n_seeds: seeds that were planned, and that have all their runs.
        - n_missing, n_guesses: runs that are not there; that diverged and count as guessing.
        - fault: "", "missing" (no seed has all its runs), or SAME.
        - choice: …: what readings choose differently.
        - universes_…: as of :func:`count_universes`.

    Raises:
        InputError: as :func:`fedper.results.histories.read_tests` does.
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
            "effect": effect.comparison.text,
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
    """Say how many readings there are, and name those that lack a value or some seeds."""
    n, n_effects = count_universes(readings), readings["claim"].nunique()
    n_tests = readings.loc[readings["kind"] == "test", "reading"].nunique()
    others = f"; {n_tests} other tests" if n_tests else ""
    words = [f"Universes: {n['planned']} planned, {n['ran']} ran{others}"]
    is_same = readings["fault"] == SAME
    elsewhere = is_same.groupby(readings["reading"]).transform("all")
    fewer = (readings["fault"] == "") & (readings["n_seeds"] < readings["n_planned"])
    lacking = {
        "Change none of these runs": elsewhere,
        "Missing": readings["fault"] == "missing",
        "Counted as guessing, because of runs that diverged": readings["n_guesses"] > 0,
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
    """Measure one effect in one reading; measured: the runs that were read so far, by name."""
    nothing = dict.fromkeys(("mean", "low", "high"), np.nan)
    if effect.claim not in reading.touched:
        counts = dict.fromkeys(("n_seeds", "n_planned", "n_missing", "n_guesses"), 0)
        return {**nothing, **counts, "fault": SAME}
    values = pd.DataFrame(
        [_value(run, reading, folder, measured) for run in effect.runs(reading.runs)]
    )
    lost = values[effect.comparison.measure].isna()
    whole = values[~values["seed"].isin(values["seed"][lost])]
    found = compare(whole, effect.comparison)
    return {
        "mean": found["mean"],
        "low": found["low"],
        "high": found["high"],
        "n_seeds": found["seeds"],
        "n_planned": values["seed"].nunique(),
        "n_missing": int(lost.sum()),
        "n_guesses": found["guesses"],
        "fault": "" if found["seeds"] else "missing",
    }


def _value(run: Run, reading: Reading, folder: Path, measured: dict[str, pd.DataFrame]) -> dict:
    """Return a run's values in a reading's test, as :func:`compare` takes them; NaN if missing."""
    if run.name not in measured:
        measured[run.name] = _read(run, folder)
    tests = measured[run.name]
    is_asked = tests["reference"] if reading.test is None else tests.index == reading.test.name
    nothing = {**dict.fromkeys(MEASURES, np.nan), "guesses": False}
    found = tests[is_asked].to_dict("records")
    about = {**describe_run(run), "dataset": run.dataset, "stand_in": None}
    return {**nothing, **about, **(found[0] if found else {})}


def _read(run: Run, folder: Path) -> pd.DataFrame:
    """Return :func:`run_values` of a run's last round for each test; no rows if it is missing."""
    if not is_whole_run(folder / run.name):
        return pd.DataFrame(columns=[*MEASURES, "guesses", "reference"])
    last = last_round(read_tests([folder / run.name]))
    return run_values(last, ["test", "reference"]).set_index("test")

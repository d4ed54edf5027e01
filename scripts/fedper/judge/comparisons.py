"""The statistics of one comparison, by the rules in :mod:`fedper.judge.rules`."""

from math import inf

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from fedper.judge.claims import Arm, Comparison
from fedper.judge.rules import LEVEL, MIN_SEEDS, SEEDS_OF_INTERVAL
from fedper.names import real_name
from fedper.plan.experiments import describe_seeds
from fedper.results.histories import RUN_COLUMNS
from fedper.results.summary import of_all_clients

MAX_NAMED = 2
"""How many missing runs a reason names."""

MEASURES = ["accuracy", "spread", "log odds"]
"""What can be compared of a run, see :class:`fedper.judge.claims.Comparison`."""

P_VALUES = ("p", "p_against", "p_none")
"""Of the three tests of a comparison: the effect is where the claim says, on the other side, or too
small to matter (rule 4)."""


def run_values(clients: pd.DataFrame, keys: list[str] = RUN_COLUMNS) -> pd.DataFrame:
    """Sum up each run: ``keys``, MEASURES, and "guesses", whether it counts as guessing (rule 7).

    A measure is NaN where the run is missing, or a client that counts as guessing has no floor.

    Args:
        clients: as of :func:`fedper.results.summary.last_round`.
        keys: columns that tell runs apart.
    """
    guesses = clients["fault"].isin(["diverged", "untested"])
    accuracy = clients["accuracy"].where(~guesses, clients["floor"])
    correct = accuracy * clients["samples"]
    log_odds = np.log((correct + 0.5) / (clients["samples"] - correct + 0.5))
    counted = clients[keys].assign(accuracy=accuracy, guesses=guesses, **{"log odds": log_odds})
    values = {
        name: of_all_clients(counted, keys, column, how)
        for name, (column, how) in {
            "accuracy": ("accuracy", "mean"),
            "spread": ("accuracy", "std"),
            "log odds": ("log odds", "std"),
            "guesses": ("guesses", "any"),
        }.items()
    }
    return pd.DataFrame(values).reset_index()


def real_data(values: pd.DataFrame) -> pd.DataFrame:
    """Put the real data set's name into ``dataset``, and a stand-in's into ``stand_in``."""
    real = values["dataset"].map(real_name)
    return values.assign(stand_in=values["dataset"].where(values["dataset"] != real), dataset=real)


def compare(values: pd.DataFrame, comparison: Comparison) -> dict:
    """Test one comparison on the runs of one model.

    Args:
        values: as of :func:`real_data`.
        comparison: to test.

    Returns:
        text, says, claimed, measure, is_judged: of the comparison; stand_ins: names of data that
        were used in place of the real ones; planned: number of seeds for which every arm has a run,
        there or missing; seeds: of them, those in the numbers; guesses: number of runs that count
        as guessing; mean, low, high: of the effect, with its interval; P_VALUES, from MIN_SEEDS
        seeds on, of stand-ins from SEEDS_OF_INTERVAL on; fault: why there are no numbers or no p,
        or "".
    """
    found = [_runs_of(values, arm) for _, arm in comparison.terms]
    result = {
        "text": comparison.text,
        "says": comparison.says,
        "claimed": comparison.claimed if comparison.is_judged else "-",
        "measure": comparison.measure,
        "is_judged": comparison.is_judged,
        "stand_ins": sorted(pd.concat(found)["stand_in"].dropna().unique()),
        "guesses": int(sum(runs["guesses"].sum() for runs in found)),
    }
    for (_, arm), runs in zip(comparison.terms, found, strict=True):
        if runs.empty:
            return {**result, **_nothing(f"no runs of {arm}", 0)}
    arms = [runs.set_index(["settings", "seed"])[comparison.measure] for runs in found]
    pairs = _seeds_of_all(pd.concat(arms, axis=1, join="inner"))
    planned = len(pairs.index.unique("seed"))
    if pairs.empty:
        return {**result, **_nothing("no seed has runs of both", planned)}
    if pairs.isna().any().any():
        return {**result, **_nothing(f"missing: {_lost(pairs, comparison)}", planned)}
    weights = [weight for weight, _ in comparison.terms]
    effects = (pairs * weights).sum(axis=1).groupby("seed").mean().to_numpy()
    low, high = interval(effects)
    numbers = {"planned": planned, "seeds": planned, "low": low, "high": high}
    result |= {"fault": "", **numbers, "mean": float(effects.mean())}
    if planned < (SEEDS_OF_INTERVAL if result["stand_ins"] else MIN_SEEDS):
        return {**result, "fault": describe_seeds([planned]), **dict.fromkeys(P_VALUES, np.nan)}
    return {**result, **dict(zip(P_VALUES, _p_values(effects, comparison), strict=True))}


def interval(effects: NDArray[np.float64]) -> tuple[float, float]:
    """Return Student's t interval of the mean of float [n_seeds]; NaN below SEEDS_OF_INTERVAL."""
    n = len(effects)
    if n < SEEDS_OF_INTERVAL:
        return np.nan, np.nan
    half = stats.t.ppf(1 - LEVEL / 2, n - 1) * _standard_error(effects)
    return float(effects.mean() - half), float(effects.mean() + half)


def _standard_error(effects: NDArray[np.float64]) -> float:
    return effects.std(ddof=1) / np.sqrt(len(effects))


def describe_effect(mean: float, low: float, high: float) -> str:
    """Write an effect, and its interval if it has one."""
    return f"{mean:+.3f}" + ("" if np.isnan(low) else f" ({low:+.3f} to {high:+.3f})")


def _runs_of(values: pd.DataFrame, arm: Arm) -> pd.DataFrame:
    """Find the rows of an arm's runs, by RUN_COLUMNS."""
    k = arm.classes_per_client
    here = (values["dataset"] == arm.dataset) & (values["method"] == arm.method)
    here &= values["classes_per_client"].isna() if k is None else values["classes_per_client"] == k
    if arm.k_p is not None:
        here &= values["personalization_layers"] == arm.k_p
    return values[here]


def _seeds_of_all(pairs: pd.DataFrame) -> pd.DataFrame:
    """Keep the seeds that all settings have."""
    n_settings = len(pairs.index.unique("settings"))
    of_seed = pairs.groupby("seed")[pairs.columns[0]].size()
    return pairs[pairs.index.isin(of_seed.index[of_seed == n_settings], level="seed")]


def _lost(pairs: pd.DataFrame, comparison: Comparison) -> str:
    """Name the runs without a value, or count them if they are more than MAX_NAMED."""
    lost = [
        f"{arm}, seed {seed}"
        for (_, arm), (_, values) in zip(comparison.terms, pairs.items(), strict=True)
        for _, seed in values[values.isna()].index
    ]
    return "; ".join(lost) if len(lost) <= MAX_NAMED else f"{len(lost)} of {pairs.size} runs"


def _p_values(effects: NDArray[np.float64], comparison: Comparison) -> tuple[float, float, float]:
    """Test all that rule 4 asks of a comparison; P_VALUES, 1 for what it cannot show."""
    margin, (low, high) = comparison.margin, comparison.bounds
    claimed = max(_p_above(effects, low), _p_below(effects, high))
    within = max(_p_above(effects, -margin), _p_below(effects, margin))
    if comparison.says == "more":
        return claimed, _p_below(effects, -margin), within
    if comparison.says == "gone":
        return claimed, _p_above(effects, margin), 1.0
    beyond = min(_p_above(effects, margin), _p_below(effects, -margin))
    return claimed, min(1.0, 2 * beyond), 1.0


def _p_above(effects: NDArray[np.float64], bound: float) -> float:
    """One-sided t test that the mean effect is above ``bound``; 0 where there is no bound."""
    if bound == -inf:
        return 0.0
    if np.ptp(effects) == 0:
        return 0.0 if effects[0] > bound else 1.0
    t = (effects.mean() - bound) / _standard_error(effects)
    return float(stats.t.sf(t, len(effects) - 1))


def _p_below(effects: NDArray[np.float64], bound: float) -> float:
    return _p_above(-effects, -bound)


def _nothing(fault: str, planned: int) -> dict:
    numbers = dict.fromkeys(("mean", "low", "high", *P_VALUES), np.nan)
    return {"fault": fault, "planned": planned, "seeds": 0, **numbers}

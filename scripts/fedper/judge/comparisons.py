"""The test of one comparison, by the rules in :mod:`fedper.judge.rules`."""

from math import inf

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from fedper.judge.claims import Arm, Comparison
from fedper.judge.histories import RUN_COLUMNS
from fedper.judge.rules import LEVEL, MIN_SEEDS
from fedper.names import model_order, model_title, real_name


def run_values(last: pd.DataFrame) -> pd.DataFrame:
    """Sum up each run: its settings, and accuracy and spread over clients (NaN if it diverged)."""
    by_run = last.groupby(RUN_COLUMNS, dropna=False)["accuracy"]
    values = by_run.agg(accuracy="mean", spread="std", n="count", n_clients="size").reset_index()
    values.loc[values["n"] < values["n_clients"], ["accuracy", "spread"]] = np.nan
    real = values["dataset"].map(real_name)
    return values.assign(stand_in=values["dataset"].where(values["dataset"] != real), dataset=real)


def compare(values: pd.DataFrame, comparison: Comparison) -> dict:
    """Test one comparison; p is NaN and ``fault`` says why where it cannot be."""
    of_arms = [_runs_of(values, arm) for _, arm in comparison.terms]
    result = {
        "text": comparison.text,
        "above": comparison.above,
        "below": comparison.below,
        "claimed": comparison.claimed,
        "models": [],
        "stand_ins": sorted(pd.concat(of_arms)["stand_in"].dropna().unique()),
    }
    arms = [runs.set_index(["model", "settings", "seed"])[comparison.measure] for runs in of_arms]
    for (_, arm), found in zip(comparison.terms, arms, strict=True):
        if found.empty:
            return {**result, **_nothing(f"no runs of {arm}")}
    both = _with_most_seeds(pd.concat(arms, axis=1, join="inner"))
    if both.empty:
        return {**result, **_nothing("no model has runs on both sides")}
    models = sorted(both.index.unique("model"), key=model_order)
    result["models"] = [model_title(model) for model in models]
    if both.isna().any().any():
        return {**result, **_nothing(f"missing or diverged: {_lost(both, comparison)}")}
    weights = [weight for weight, _ in comparison.terms]
    by_seed = (both * weights).sum(axis=1).groupby("seed").mean().to_numpy()
    n = len(by_seed)
    if n < MIN_SEEDS:
        word = "1 seed" if n == 1 else f"{n} seeds"
        return {**result, **_nothing(word), "seeds": n, "mean": float(by_seed.mean())}
    mean, error = by_seed.mean(), stats.sem(by_seed)
    half = stats.t.ppf(1 - LEVEL / 2, n - 1) * error
    return {
        **result,
        "fault": "",
        "seeds": n,
        "mean": float(mean),
        "low": float(mean - half),
        "high": float(mean + half),
        "p": max(_p_above(by_seed, comparison.above), _p_above(-by_seed, -comparison.below)),
        "p_against": min(
            _p_against(by_seed, comparison.above), _p_against(-by_seed, -comparison.below)
        ),
    }


def _runs_of(values: pd.DataFrame, arm: Arm) -> pd.DataFrame:
    """Find the runs of an arm; their values are NaN where they are missing or diverged."""
    k = arm.classes_per_client
    here = (values["dataset"] == arm.dataset) & (values["method"] == arm.method)
    here &= values["classes_per_client"].isna() if k is None else values["classes_per_client"] == k
    if arm.k_p is not None:
        here &= values["personalization_layers"] == arm.k_p
    return values[here]


def _with_most_seeds(both: pd.DataFrame) -> pd.DataFrame:
    """Keep the models (and settings) that have the most seeds, and the same ones."""
    seeds = {
        pair: frozenset(rows.index.unique("seed"))
        for pair, rows in both.groupby(["model", "settings"])
    }
    most = max(seeds.values(), key=len, default=None)
    return both[[seeds[pair[:2]] == most for pair in both.index]]


def _lost(both: pd.DataFrame, comparison: Comparison) -> str:
    """Name the runs without a value."""
    lost = [
        f"{arm}, {model_title(model)}, seed {seed}"
        for (_, arm), (_, values) in zip(comparison.terms, both.items(), strict=True)
        for model, _, seed in values[values.isna()].index
    ]
    return "; ".join(lost)


def _p_above(effects: NDArray[np.float64], bound: float) -> float:
    """One-sided t test that the mean effect is above ``bound``; 0 where there is no bound."""
    if bound == -inf:
        return 0.0
    if np.ptp(effects) == 0:
        return 0.0 if effects[0] > bound else 1.0
    return float(stats.t.sf((effects.mean() - bound) / stats.sem(effects), len(effects) - 1))


def _p_against(effects: NDArray[np.float64], bound: float) -> float:
    """One-sided t test that the mean effect is below ``bound``; 1 where there is no bound."""
    return 1.0 if bound == -inf else _p_above(-effects, -bound)


def _nothing(fault: str) -> dict:
    numbers = ("mean", "low", "high", "p", "p_against")
    return {"fault": fault, "seeds": 0, **dict.fromkeys(numbers, np.nan)}

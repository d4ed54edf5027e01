"""Whether the paper's claims hold, by rules that were written before the results.

1. The unit is the seed. Runs of one seed share partition, initial base and batches, so they are
   compared in pairs: a seed's effect is a difference between last rounds, averaged over the
   models that both sides were asked for; where models have different numbers of seeds, over those
   that have the most.
   Clients are never pooled; they are not independent, and pooling them finds effects that are not
   there in nearly half of all cases.
2. Over the effects of all seeds: mean, 95 % interval of Student's t, and a t test, one-sided in
   the direction of the claim.
3. A claim of several comparisons holds only if all of them do, so its p value is the largest of
   theirs. The p values of the claims that can be tested are corrected together by Holm's method.
4. "reproduced": the corrected p is below 0.05. "not reproduced": for one comparison at least, the
   95 % interval lies wholly on the other side of the bound that the claim sets. "inconclusive":
   neither, or fewer than MIN_SEEDS seeds, or runs that are missing or diverged; with the reason.
5. A claim sets the bound 0: the effect is larger. That a gain is gone means that it is below
   MARGIN; that something does nothing, that its effect is between -MARGIN and MARGIN.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from fedper.results import DATASET_TITLES, MODEL_TITLES, RUN_COLUMNS, real_name

RULES = __doc__.split("\n\n", 1)[1].strip()
"""The rules above, as every file of verdicts repeats them."""

MIN_SEEDS = 3
LEVEL = 0.05

MARGIN = 0.02
"""Difference in accuracy that is too small to matter."""

LOW_AND_HIGH_K = {"cifar10": (4, 10), "cifar100": (40, 100), "flickr_aes": (None, None)}
"""Classes per client where clients differ most, and where they do not."""


@dataclass(frozen=True)
class Arm:
    """The runs on one side of a comparison: a method on a data set; k is "low" or "high"."""

    dataset: str
    method: str
    k: str = "low"
    k_p: int | None = None


@dataclass(frozen=True)
class Comparison:
    """An effect, which the claim says lies between ``above`` and ``below``.

    terms: (weight, arm), …; a seed's effect is the weighted sum of the arms' values. measure:
    "accuracy", mean over clients, or "spread", standard deviation over clients.
    """

    text: str
    terms: tuple[tuple[int, Arm], ...]
    above: float = 0.0
    below: float = inf
    measure: str = "accuracy"


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, as comparisons that must all hold."""

    name: str
    text: str
    comparisons: tuple[Comparison, ...]


def _over(better: Arm, worse: Arm, **bounds: float) -> Comparison:
    text = f"{better.method} - {worse.method}, {DATASET_TITLES[better.dataset]}"
    if better.k_p is not None:
        text += f", K_P = {better.k_p}"
    if better.dataset != "flickr_aes":
        text += f", k = {LOW_AND_HIGH_K[better.dataset][better.k == 'high']}"
    return Comparison(text, ((1, better), (-1, worse)), **bounds)


def _gain(dataset: str, k: str = "low") -> tuple[tuple[int, Arm], ...]:
    return (1, Arm(dataset, "FedPer", k, k_p=2)), (-1, Arm(dataset, "FedAvg", k))


def _beats_fedavg(dataset: str, k_p: int = 2) -> Comparison:
    return _over(Arm(dataset, "FedPer", k_p=k_p), Arm(dataset, "FedAvg"))


def _gain_shrinks(dataset: str) -> Comparison:
    low, high = LOW_AND_HIGH_K[dataset]
    minus_high = tuple((-weight, arm) for weight, arm in _gain(dataset, "high"))
    text = f"gain of FedPer at k = {low} - gain at k = {high}, {DATASET_TITLES[dataset]}"
    return Comparison(text, (*_gain(dataset), *minus_high))


def _gain_is_gone(dataset: str) -> Comparison:
    text = f"gain of FedPer at k = {LOW_AND_HIGH_K[dataset][1]}, {DATASET_TITLES[dataset]}"
    return Comparison(text, _gain(dataset, "high"), above=-inf, below=MARGIN)


def _spread_is_smaller(dataset: str) -> Comparison:
    terms = tuple((-weight, arm) for weight, arm in _gain(dataset))
    return Comparison(
        f"spread of FedAvg - FedPer, {DATASET_TITLES[dataset]}", terms, measure="spread"
    )


def _tuning(dataset: str, **bounds: float) -> Comparison:
    return _over(Arm(dataset, "FedPer, fine-tuned", k_p=2), Arm(dataset, "FedPer", k_p=2), **bounds)


CLAIMS = (
    Claim("C1", "FedPer beats FedAvg where clients' data differ", (_beats_fedavg("cifar10"),)),
    Claim(
        "C2",
        "The gain shrinks as k grows, and is gone at k = 10",
        (_gain_shrinks("cifar10"), _gain_is_gone("cifar10")),
    ),
    Claim(
        "C3",
        "The same on CIFAR-100",
        (_beats_fedavg("cifar100"), _gain_shrinks("cifar100"), _gain_is_gone("cifar100")),
    ),
    Claim(
        "C4",
        "Every number of personalization layers from 1 to 4 helps",
        tuple(_beats_fedavg(d, k_p) for d in ("cifar10", "cifar100") for k_p in (1, 2, 3, 4)),
    ),
    Claim("C5", "FedPer beats FedAvg on FLICKR-AES", (_beats_fedavg("flickr_aes"),)),
    Claim(
        "C6",
        "FedPer's accuracies vary less from client to client",
        tuple(_spread_is_smaller(dataset) for dataset in DATASET_TITLES),
    ),
    Claim(
        "C7",
        "Fine-tuning helps on CIFAR-100 and does nothing on FLICKR-AES",
        (_tuning("cifar100"), _tuning("flickr_aes", above=-MARGIN, below=MARGIN)),
    ),
    Claim(
        "C8",
        "Training alone is worse than FedPer",
        tuple(
            _over(Arm(d, "FedPer", k_p=2), Arm(d, "local training"))
            for d in ("cifar100", "flickr_aes")
        ),
    ),
    Claim(
        "C9",
        "One linear layer in place of the base is worse",
        tuple(
            _over(Arm(d, "FedPer", k_p=2), Arm(d, "FedPer, linear base", k_p=2))
            for d in ("cifar100", "flickr_aes")
        ),
    ),
)
"""C4 and C5 say more in the paper: which K_P is best, and how high FedAvg comes. Those are not
tested; they are for the reader to see."""


def judge(last: pd.DataFrame, claims: tuple[Claim, ...] = CLAIMS) -> list[dict]:
    """Judge every claim on the last rounds of all runs: one row for each run and client.

    last: as of :func:`fedper.results.last_round`. Returns for each claim: name, text, verdict,
    reason, p, p_corrected, and its comparisons with seeds, mean, low, high (95 % interval), p.
    """
    values = _values(last)
    found = [[_compare(values, comparison) for comparison in claim.comparisons] for claim in claims]
    ps = np.array([max(part["p"] for part in parts) for parts in found])
    corrected = np.full(len(ps), np.nan)
    testable = ~np.isnan(ps)
    corrected[testable] = holm(ps[testable])
    judged = []
    for claim, parts, p, p_corrected in zip(claims, found, ps, corrected, strict=True):
        verdict, reason = _verdict(claim, parts, p_corrected)
        judged.append(
            {
                "claim": claim.name,
                "text": claim.text,
                "verdict": verdict,
                "reason": reason,
                "p": float(p),
                "p_corrected": float(p_corrected),
                "comparisons": parts,
            }
        )
    return judged


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p values for their number (Holm 1979); float [n], in the order given."""
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return corrected


def _values(last: pd.DataFrame) -> pd.DataFrame:
    """Sum up each run: its settings, and accuracy and spread over clients (NaN if it diverged)."""
    frame = last.assign(dataset=last["dataset"].map(real_name))
    by_run = frame.groupby(RUN_COLUMNS, dropna=False)["accuracy"]
    return by_run.agg(
        accuracy=lambda x: x.mean(skipna=False), spread=lambda x: x.std(skipna=False)
    ).reset_index()


def _compare(values: pd.DataFrame, comparison: Comparison) -> dict:
    """Test one comparison; p is NaN and ``fault`` says why where it cannot be."""
    result = {
        "text": comparison.text,
        "above": comparison.above,
        "below": comparison.below,
        "models": [],
    }
    arms = [_arm(values, arm, comparison.measure) for _, arm in comparison.terms]
    for (_, arm), found in zip(comparison.terms, arms, strict=True):
        if found.empty:
            return {
                **result,
                **_nothing(f"no runs of {arm.method} on {DATASET_TITLES[arm.dataset]}"),
            }
    both = _with_most_seeds(pd.concat(arms, axis=1, join="inner"))
    if both.empty:
        return {**result, **_nothing("no model has runs on both sides")}
    result["models"] = sorted(both.index.unique("model"))
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
    }


def _arm(values: pd.DataFrame, arm: Arm, measure: str) -> pd.Series:
    """Find an arm's values, by model, settings and seed; NaN where a run is missing or diverged."""
    low, high = LOW_AND_HIGH_K[arm.dataset]
    k = low if arm.k == "low" else high
    here = (values["dataset"] == arm.dataset) & (values["method"] == arm.method)
    here &= values["classes_per_client"].isna() if k is None else values["classes_per_client"] == k
    if arm.k_p is not None:
        here &= values["personalization_layers"] == arm.k_p
    return values[here].set_index(["model", "settings", "seed"])[measure]


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
        f"{arm.method}, {MODEL_TITLES[model]}, seed {seed}"
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
    return float(stats.ttest_1samp(effects, bound, alternative="greater").pvalue)


def _nothing(fault: str) -> dict:
    return {"fault": fault, "seeds": 0, "mean": np.nan, "low": np.nan, "high": np.nan, "p": np.nan}


def _verdict(claim: Claim, parts: list[dict], p_corrected: float) -> tuple[str, str]:
    for part in parts:
        if part["high"] < part["above"] or part["low"] > part["below"]:
            return "not reproduced", f"the other way: {part['text']}"
    faults = [part["fault"] for part in parts if part["fault"]]
    if faults:
        return "inconclusive", faults[0]
    if p_corrected < LEVEL:
        return "reproduced", ""
    return "inconclusive", f"corrected p = {p_corrected:.2g}"

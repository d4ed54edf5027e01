"""The verdicts, by the rules in :mod:`fedper.judge.rules`."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedper.judge.claims import CLAIMS, Claim, Part
from fedper.judge.comparisons import compare, describe_effect, real_data, run_values
from fedper.judge.controls import control, is_control, verdict_of_controls
from fedper.judge.rules import (
    AGAINST,
    IN_PART,
    INCONCLUSIVE,
    LEVEL,
    MARGIN,
    MIN_SEEDS,
    MIXED,
    NO_DATA,
    NO_EFFECT,
    NOT_JUDGED,
    REPRODUCED,
)
from fedper.names import dataset_title, model_order, model_title
from fedper.plan.experiments import describe_seeds

TESTED = {REPRODUCED: "p", AGAINST: "p_against", NO_EFFECT: "p_none"}
"""The verdicts that need a test, and the p values of a comparison that they need."""


def judge(last: pd.DataFrame, claims: tuple[Claim, ...] = CLAIMS) -> list[dict]:
    """Judge every claim on the last round of all runs.

    :func:`_decide` gives a part its verdict, :func:`whole` the claim.

    Args:
        last: as of :func:`fedper.results.summary.last_round`. Missing runs have a row, so it says
            what was planned.
        claims: to judge.

    Returns:
        for each claim: claim (its name), text, verdict, reason, stand_ins and parts. A part is
        about one data set and model: dataset, title, model, verdict, reason, stand_ins,
        comparisons (as of :func:`fedper.judge.comparisons.compare`) and p_corrected: p of the
        verdict, or of "reproduced" where it is inconclusive; NaN where it is not judged.
    """
    values = real_data(run_values(last))
    parts_of = [
        [one for part in claim.parts for one in _of_models(part, claim, values)] for claim in claims
    ]
    _decide([part for parts in parts_of for part in parts if part["verdict"] is None])
    return [whole(claim, parts) for claim, parts in zip(claims, parts_of, strict=True)]


def _of_models(part: Part, claim: Claim, values: pd.DataFrame) -> list[dict]:
    """Compare what a part asks for, for each model that has runs; once without a model if none has.

    The verdict is None where :func:`_decide` will give it.
    """
    here = values[values["dataset"] == part.dataset]
    models = sorted(set(here["model"]) & set(claim.models), key=model_order)
    if not models:
        nothing = [compare(here, one) for one in part.comparisons]
        return [part_of(part, "", nothing, NO_DATA, "")]
    made = [_compared(part, claim, model, here[here["model"] == model]) for model in models]
    return [one for one in made if any(c["planned"] for c in one["comparisons"])] or made[:1]


def _compared(part: Part, claim: Claim, model: str, values: pd.DataFrame) -> dict:
    compared = [compare(values, one) for one in part.comparisons]
    if any(one["stand_ins"] for one in compared):
        return part_of(part, model, compared, *control(claim.name, compared))
    fewest = min((c for c in compared if c["is_judged"]), key=lambda one: one["planned"])
    planned = fewest["planned"]
    if planned >= MIN_SEEDS:
        return part_of(part, model, compared, None, "")
    needs = f"{describe_seeds([planned])} planned, {MIN_SEEDS} needed"
    reason = needs if planned else fewest["fault"]
    return part_of(part, model, compared, NOT_JUDGED, reason)


def part_of(part: Part, model: str, compared: list[dict], verdict: str | None, reason: str) -> dict:
    """Put together what is said of one part."""
    return {
        "dataset": part.dataset,
        "title": dataset_title(part.dataset),
        "model": model_title(model) if model else "",
        "verdict": verdict,
        "reason": reason,
        "stand_ins": sorted({name for one in compared for name in one["stand_ins"]}),
        "p_corrected": np.nan,
        "comparisons": compared,
    }


def _decide(parts: list[dict]) -> None:
    """Give the parts that are judged their verdicts (rules 4 and 5)."""
    corrected = {verdict: holm(np.array([_p(p, verdict) for p in parts])) for verdict in TESTED}
    for number, part in enumerate(parts):
        ps = {verdict: float(of_all[number]) for verdict, of_all in corrected.items()}
        found = [verdict for verdict in (AGAINST, REPRODUCED, NO_EFFECT) if ps[verdict] < LEVEL]
        part["verdict"] = found[0] if found else INCONCLUSIVE
        part["p_corrected"] = ps[part["verdict"] if found else REPRODUCED]
        part["reason"] = _reason(part)


def _p(part: dict, verdict: str) -> float:
    """Find the p value of a part for one of the TESTED verdicts (rule 4); 1 without a test."""
    ps = np.array([one[TESTED[verdict]] for one in part["comparisons"] if one["is_judged"]])
    if np.isnan(ps).any():
        return 1.0
    return float(ps.max() if verdict == REPRODUCED else min(1.0, len(ps) * ps.min()))


def _reason(part: dict) -> str:
    """Say what the verdict of a part rests on, and which losses and divergences are behind it."""
    judged = [one for one in part["comparisons"] if one["is_judged"]]
    words = []
    if part["verdict"] in (AGAINST, NO_EFFECT):
        words.append(_effect(min(judged, key=lambda one: one[TESTED[part["verdict"]]])))
    elif part["verdict"] == INCONCLUSIVE:
        faults = [one["fault"] for one in judged if one["fault"]]
        weakest = _effect(max(judged, key=lambda one: one["p"]))
        p = f"corrected p = {part['p_corrected']:.2g}"
        words += faults[:1] or [f"{weakest}, {p}"]
    for one in judged:
        if one["says"] == "gone" and one["high"] < -MARGIN:
            words.append(f"a loss: {_effect(one)}")
    n_guesses = max(one["guesses"] for one in judged)
    if n_guesses:
        runs = "1 run counts" if n_guesses == 1 else f"{n_guesses} runs count"
        words.append(f"{runs} as guessing")
    return "; ".join(words)


def _effect(one: dict) -> str:
    """Write a comparison's effect with its uncorrected 95 % interval."""
    return f"{one['text']}: {describe_effect(one['mean'], one['low'], one['high'])}"


def whole(claim: Claim, parts: list[dict]) -> dict:
    """Judge a claim from its parts (rule 6)."""
    groups: dict[str, list[str]] = {}
    for part in parts:
        label = part["title"] + (f" ({part['model']})" if part["model"] else "")
        groups.setdefault(part["verdict"], []).append(label)
    counted = [f"{verdict} on {', '.join(labels)}" for verdict, labels in groups.items()]
    return {
        "claim": claim.name,
        "text": claim.text,
        "verdict": _verdict_of_all(parts),
        "reason": parts[0]["reason"] if len(parts) == 1 else "; ".join(counted),
        "stand_ins": sorted({name for part in parts for name in part["stand_ins"]}),
        "parts": parts,
    }


def _verdict_of_all(parts: list[dict]) -> str:
    """Real data decide; stand-ins only where no part is about real data."""
    controls = [part["verdict"] for part in parts if is_control(part["verdict"])]
    judged = [part for part in parts if part["verdict"] not in (NO_DATA, NOT_JUDGED, *controls)]
    found = {part["verdict"] for part in judged}
    if not judged:
        if NOT_JUDGED in {part["verdict"] for part in parts}:
            return NOT_JUDGED
        return verdict_of_controls(controls) if controls else NO_DATA
    if REPRODUCED in found:
        if found & {AGAINST, NO_EFFECT}:
            return MIXED
        everywhere = {part["dataset"] for part in judged} == {part["dataset"] for part in parts}
        return REPRODUCED if found == {REPRODUCED} and everywhere else IN_PART
    if AGAINST in found:
        return AGAINST
    return NO_EFFECT if found == {NO_EFFECT} else INCONCLUSIVE


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p values for their number (Holm 1979); float [n], in the order given."""
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return corrected

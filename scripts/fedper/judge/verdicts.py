"""The verdicts, by the rules in :mod:`fedper.judge.rules`."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedper.judge.claims import CLAIMS, Claim, Part
from fedper.judge.comparisons import compare, run_values
from fedper.judge.rules import LEVEL
from fedper.names import dataset_title


def judge(last: pd.DataFrame, claims: tuple[Claim, ...] = CLAIMS) -> list[dict]:
    """Judge every claim on the last rounds of all runs: one row for each run and client.

    last: as of :func:`fedper.judge.summary.last_round`. Returns for each claim: claim (its name),
    text, verdict, reason, stand_ins, and parts, each with dataset, title, verdict, reason,
    stand_ins, p, p_corrected, and its comparisons with what is claimed (in words), models (as
    people write them), seeds, mean, low, high (95 % interval), p.
    """
    values = run_values(last)
    there = set(values["dataset"])
    parts = [(claim, part) for claim in claims for part in claim.parts]
    found = [[compare(values, one) for one in part.comparisons] for _, part in parts]
    ps = np.array([np.max([one["p"] for one in compared]) for compared in found])  # NaN if one is
    corrected = np.full(len(ps), np.nan)
    testable = ~np.isnan(ps)
    corrected[testable] = holm(ps[testable])
    judged: dict[str, list[dict]] = {claim.name: [] for claim in claims}
    for (claim, part), compared, p, p_corrected in zip(parts, found, ps, corrected, strict=True):
        verdict = _verdict(compared, p_corrected) if part.dataset in there else ("no data", "")
        judged[claim.name].append(part_of(part, compared, *verdict, float(p), float(p_corrected)))
    return [whole(claim, judged[claim.name]) for claim in claims]


def part_of(
    part: Part, compared: list[dict], verdict: str, reason: str, p: float, p_corrected: float
) -> dict:
    """Put together what is said of one part."""
    return {
        "dataset": part.dataset,
        "title": dataset_title(part.dataset),
        "verdict": verdict,
        "reason": reason,
        "stand_ins": sorted({name for one in compared for name in one["stand_ins"]}),
        "p": p,
        "p_corrected": p_corrected,
        "comparisons": compared,
    }


def whole(claim: Claim, parts: list[dict]) -> dict:
    """Judge a claim from its parts (rule 5)."""
    of = {
        verdict: [part["title"] for part in parts if part["verdict"] == verdict]
        for verdict in ("reproduced", "not reproduced", "inconclusive", "no data")
    }
    with_data = [part["verdict"] for part in parts if part["verdict"] != "no data"]
    if not with_data:
        verdict = "no data"
    elif of["reproduced"] and of["not reproduced"]:
        verdict = "mixed"
    elif len(of["reproduced"]) == len(with_data):
        verdict = "reproduced"
    else:
        verdict = "not reproduced" if of["not reproduced"] else "inconclusive"
    counted = [f"{name} on {', '.join(titles)}" for name, titles in of.items() if titles]
    reason = parts[0]["reason"] if len(parts) == 1 else "; ".join(counted)
    return {
        "claim": claim.name,
        "text": claim.text,
        "verdict": verdict,
        "reason": reason,
        "stand_ins": sorted({name for part in parts for name in part["stand_ins"]}),
        "parts": parts,
    }


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p values for their number (Holm 1979); float [n], in the order given."""
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return corrected


def _verdict(compared: list[dict], p_corrected: float) -> tuple[str, str]:
    for one in compared:
        if one["p_against"] < LEVEL / 2 / len(compared):
            return "not reproduced", f"beyond the bound: {one['text']}"
    faults = [one["fault"] for one in compared if one["fault"]]
    if faults:
        return "inconclusive", faults[0]
    if p_corrected < LEVEL:
        return "reproduced", ""
    return "inconclusive", f"corrected p = {p_corrected:.2g}"

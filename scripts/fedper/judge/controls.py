"""Controls: whether the pipeline finds what was planted in stand-ins.

Stand-ins are made here, so it is known which of the paper's effects are in them; data/README.md
says why. They are to the pipeline what samples of known content are to a laboratory. A control
passes if each of its claim's comparisons lies where the claim says, by a one-sided t test over the
seeds at LEVEL, not corrected; else it fails. It says nothing about the paper's claims.
"""

from math import isfinite

from scipy import stats

from fedper.judge.claims import Claim, Comparison, Part
from fedper.judge.comparisons import words_of
from fedper.judge.rules import LEVEL, SEEDS_OF_INTERVAL

PASSED, FAILED, NO_CONTROL = "control passed", "control failed", "no control"

PLANTED = {
    "digits": ("C1", "C2", "C4"),
    "coloured_digits": ("C3", "C8"),
    "simulated": ("C5", "C9"),
}
"""The claims that are true of a stand-in because of how it is made, by kind of stand-in."""


def control(claim: Claim, part: Part, compared: list[dict]) -> tuple[str, str]:
    """Return the verdict on a part whose runs are of a stand-in, and the reason.

    compared: as of :func:`fedper.judge.comparisons.compare`, one for each comparison of the part.
    """
    kinds = {name.split(" ")[0] for one in compared for name in one["stand_ins"]}
    if any(claim.name not in PLANTED.get(kind, ()) for kind in kinds):
        return NO_CONTROL, "nothing is planted"
    planned = min(one["planned"] for one in compared)
    if planned < SEEDS_OF_INTERVAL:
        return NO_CONTROL, f"{words_of(planned)} planned, {SEEDS_OF_INTERVAL} needed"
    for comparison, one in zip(part.comparisons, compared, strict=True):
        if not isfinite(one["low"]):
            return FAILED, one["fault"]
        if not _is_found(comparison, one):
            return FAILED, f"{one['text']}: {one['mean']:+.3f}, planted: {one['claimed']}"
    return PASSED, ", ".join(f"{one['mean']:+.2f}" for one in compared) + " found"


def is_control(verdict: str) -> bool:
    """Tell whether a verdict is on stand-in data."""
    return verdict in (PASSED, FAILED, NO_CONTROL)


def verdict_of_controls(verdicts: list[str]) -> str:
    """Sum up the controls of a claim: one that failed counts more than those that passed."""
    return next(one for one in (FAILED, PASSED, NO_CONTROL) if one in verdicts)


def _is_found(comparison: Comparison, one: dict) -> bool:
    """Test an effect by its interval, which is two-sided, where the test is one-sided."""
    degrees = one["seeds"] - 1
    both, one_sided = stats.t.ppf(1 - LEVEL / 2, degrees), stats.t.ppf(1 - LEVEL, degrees)
    half = (one["high"] - one["low"]) / 2 * one_sided / both
    low, high = comparison.bounds
    return low < one["mean"] - half and one["mean"] + half < high

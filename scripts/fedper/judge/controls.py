"""Controls: whether the pipeline finds what was planted in stand-ins.

Stand-ins are made here, so it is known which of the paper's effects are in them; data/README.md
says why. They are to the pipeline what samples of known content are to a laboratory. A control
passes if each comparison of the claim lies where the claim says, by rule 4's test at LEVEL, with
SEEDS_OF_INTERVAL seeds or more and without a correction; else it fails.
"""

from fedper.judge.rules import LEVEL, SEEDS_OF_INTERVAL
from fedper.plan.experiments import describe_seeds

PASSED, FAILED, NO_CONTROL = "control passed", "control failed", "no control"

PLANTED = {
    "digits": ("C1", "C4"),
    "coloured_digits": ("C3", "C8"),
    "simulated": ("C5", "C9"),
}
"""The claims that are true of a stand-in because of how it is made, by kind of stand-in."""


def control(claim: str, compared: list[dict]) -> tuple[str, str]:
    """Return the verdict on a part whose runs are of a stand-in, and the reason.

    Args:
        claim: its name.
        compared: the comparisons of the part, as of :func:`fedper.judge.comparisons.compare`.
    """
    kinds = {name.split(" ")[0] for one in compared for name in one["stand_ins"]}
    if any(claim not in PLANTED.get(kind, ()) for kind in kinds):
        return NO_CONTROL, "nothing is planted"
    planned = min(one["planned"] for one in compared)
    if planned < SEEDS_OF_INTERVAL:
        return NO_CONTROL, f"{describe_seeds([planned])} planned, {SEEDS_OF_INTERVAL} needed"
    for one in compared:
        if one["fault"]:
            return FAILED, one["fault"]
        if one["p"] >= LEVEL:
            return FAILED, f"{one['text']}: {one['mean']:+.3f}, planted: {one['claimed']}"
    return PASSED, ", ".join(f"{one['mean']:+.2f}" for one in compared) + " found"


def is_control(verdict: str) -> bool:
    """Tell whether a verdict is on stand-in data."""
    return verdict in (PASSED, FAILED, NO_CONTROL)


def verdict_of_controls(verdicts: list[str]) -> str:
    """Sum up the controls of a claim: one that failed counts more than those that passed."""
    return next(one for one in (FAILED, PASSED, NO_CONTROL) if one in verdicts)

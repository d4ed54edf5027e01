"""Verdicts on claims, written for machines and for people."""

from math import isfinite

import pandas as pd

from fedper.claims import MARGIN, MIN_SEEDS, RULES
from fedper.results import MODEL_TITLES


def to_json(value: object) -> object:
    """Replace what JSON has no word for, NaN and infinity, by null, all through a structure."""
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def to_markdown(judged: list[dict], stand_ins: list[str], note: str) -> str:
    """Write the rules, a table of verdicts, and a table of the comparisons behind them."""
    verdicts = pd.DataFrame(
        {
            "claim": f"{claim['claim']}: {claim['text']}",
            "verdict": claim["verdict"] + (" (stand-in data)" if stand_ins else ""),
            "p, corrected": _number(claim["p_corrected"], "{:.2g}"),
            "reason": claim["reason"],
        }
        for claim in judged
    )
    comparisons = pd.DataFrame(
        {
            "claim": claim["claim"],
            "comparison": part["text"],
            "models": ", ".join(MODEL_TITLES[model] for model in part["models"]),
            "claimed": _bounds(part),
            "seeds": part["seeds"],
            "effect": _number(part["mean"], "{:+.3f}"),
            "95 % interval": _interval(part),
            "p": _number(part["p"], "{:.2g}"),
        }
        for claim in judged
        for part in claim["comparisons"]
    )
    warning = ""
    if stand_ins:
        warning = (
            f"**These verdicts are about {', '.join(stand_ins)}; they say nothing about the "
            "paper's claims.**\n\n"
        )
    return (
        f"# Verdicts on the paper's claims\n\n{note}.\n\n{warning}"
        f"{_table(verdicts)}\n\n## Comparisons\n\n{_table(comparisons)}\n\n"
        f"## Rules\n\n{RULES}\n\n"
        f"MIN_SEEDS is {MIN_SEEDS}, MARGIN {MARGIN} in accuracy.\n"
    )


def _table(frame: pd.DataFrame) -> str:
    return frame.to_markdown(index=False, disable_numparse=True)


def _number(value: float, form: str) -> str:
    return form.format(value) if isfinite(value) else "-"


def _interval(part: dict) -> str:
    if not isfinite(part["low"]):
        return part["fault"]
    return f"{part['low']:+.3f} to {part['high']:+.3f}"


def _bounds(part: dict) -> str:
    above, below = part["above"], part["below"]
    if isfinite(above) and isfinite(below):
        return f"{above:g} to {below:g}"
    return f"> {above:g}" if isfinite(above) else f"< {below:g}"

"""Verdicts on claims, written for machines and for people."""

import re
from math import isfinite, nan

import pandas as pd

from fedper.judge.controls import is_control
from fedper.judge.rules import LEVEL, MARGIN, MARGIN_LOG_ODDS, MIN_SEEDS, MODEST, RULES
from fedper.report.table_files import to_page

CONSTANTS = (
    f"MIN_SEEDS is {MIN_SEEDS}, LEVEL {LEVEL}, MARGIN {MARGIN} in accuracy and {MARGIN_LOG_ODDS} "
    f"in log odds, MODEST {MODEST}."
)


def to_json(value: object) -> object:
    """Replace what JSON has no word for, NaN and infinity, by null, all through a structure."""
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def to_markdown(judged: list[dict], stand_ins: list[str], note: str) -> str:
    """Write the rules, a table of verdicts, and a table of the comparisons behind them."""
    return (
        f"# Verdicts on the paper's claims\n\n{note}.\n\n"
        + (f"**{_warning(stand_ins)}**\n\n" if stand_ins else "")
        + f"{_table(_verdicts(judged))}\n\n## Comparisons\n\n"
        f"{_table(_comparisons(judged))}\n\n## Rules\n\n{RULES}\n\n{CONSTANTS}\n"
    )


def to_html(judged: list[dict], stand_ins: list[str], note: str) -> str:
    """Write the same as a page."""
    parts = [
        *([_warning(stand_ins)] if stand_ins else []),
        _verdicts(judged),
        "The comparisons behind them:",
        _comparisons(judged),
        "Rules:",
        *re.split(r"\n(?=\d\. )", RULES),
        CONSTANTS,
    ]
    return to_page(f"Verdicts on the paper's claims. {note}.", parts)


def marked(one: dict) -> str:
    """Write a verdict; what rests on stand-ins and is no control is marked."""
    of_stand_ins = one["stand_ins"] and not is_control(one["verdict"])
    return one["verdict"] + (" (stand-in data)" if of_stand_ins else "")


def _warning(stand_ins: list[str]) -> str:
    return (
        f"Stand-in data ({', '.join(stand_ins)}): what is found on them says nothing about the "
        "paper's claims. A control asks whether the pipeline finds an effect that was planted in "
        "them; data/README.md says which."
    )


def _verdicts(judged: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "claim": f"{claim['claim']}: {claim['text']}",
            "data set": "all" if one is claim else one["title"],
            "model": "" if one is claim else one["model"],
            "verdict": marked(one),
            "p, corrected": _number(one.get("p_corrected", nan), "{:.2g}"),
            "reason": one["reason"],
        }
        for claim in judged
        for one in (claim, *claim["parts"])
        if one is not claim or len(claim["parts"]) > 1
    )


def _comparisons(judged: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "claim": claim["claim"],
            "data set": part["title"],
            "comparison": one["text"],
            "model": part["model"],
            "claimed": one["claimed"],
            "seeds": one["seeds"],
            "effect": _number(one["mean"], "{:+.3f}"),
            "95 % interval, uncorrected": _interval(one),
            "p": _number(one["p"], "{:.2g}"),
        }
        for claim in judged
        for part in claim["parts"]
        for one in part["comparisons"]
    )


def _table(frame: pd.DataFrame) -> str:
    return frame.to_markdown(index=False, disable_numparse=True)


def _number(value: float, form: str) -> str:
    return form.format(value) if isfinite(value) else "-"


def _interval(one: dict) -> str:
    if not isfinite(one["low"]):
        return one["fault"]
    return f"{one['low']:+.3f} to {one['high']:+.3f}"

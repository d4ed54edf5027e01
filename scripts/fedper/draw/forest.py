"""A forest plot: the effects behind all verdicts, with their intervals."""

import math

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fedper.draw.style import STYLE, TEXT_WIDTH, write_note
from fedper.judge.comparisons import describe_effect
from fedper.judge.controls import FAILED, NO_CONTROL, PASSED, is_control
from fedper.judge.rules import (
    AGAINST,
    INCONCLUSIVE,
    MARGIN,
    MARGIN_LOG_ODDS,
    NO_EFFECT,
    NOT_JUDGED,
    REPRODUCED,
)
from fedper.plan.experiments import describe_seeds

ROW = 0.165
"""Height of an effect's row, in inches."""

UNITS = {
    "accuracy": ("effect, in accuracy", MARGIN),
    "log odds": ("effect, in log odds", MARGIN_LOG_ODDS),
}
"""A panel for each unit of effects: the label of its axis, and the margin."""

COLOURS = {
    REPRODUCED: 0, AGAINST: 3, NO_EFFECT: 2, INCONCLUSIVE: "0.25", NOT_JUDGED: "0.6",
    PASSED: 0, FAILED: 3, NO_CONTROL: "0.6",
}  # fmt: skip
"""Of a part by its verdict: a number in seaborn's colour-blind palette, or a grey."""


def effects_of_claims(claims: list[dict]) -> pd.DataFrame:
    """List the effects that have a value, in the order of the claims.

    Args:
        claims: as in claims.json. What is only counted (C10) is no effect.

    Returns:
        a row for each: claim, effect (its name, with the model where there are several), unit (a
        key of UNITS), verdict (of its part; NOT_JUDGED or NO_CONTROL for an effect that is only
        shown), mean, low, high, seeds, and stand_in (whether it is of stand-in data).
    """
    parts = [(claim["claim"], part) for claim in claims for part in claim["parts"]]
    several = len({part["model"] for _, part in parts if part["model"]}) > 1
    rows = [
        {
            "claim": name,
            "effect": one["text"] + (f", {part['model']}" if several else ""),
            "unit": "log odds" if one["measure"] == "log odds" else "accuracy",
            "verdict": part["verdict"] if one["is_judged"] else _unjudged(part["verdict"]),
            **{key: one[key] for key in ("mean", "low", "high", "seeds")},
            "stand_in": bool(one["stand_ins"]),
        }
        for name, part in parts
        for one in part["comparisons"]
        if one["mean"] is not None and one["measure"] != "bytes"
    ]
    columns = ["claim", "effect", "unit", "verdict", "mean", "low", "high", "seeds", "stand_in"]
    return pd.DataFrame(rows, columns=columns).astype({"low": float, "high": float})


def draw_forest(effects: pd.DataFrame, note: str) -> Figure:
    """Draw each effect as a dot with its interval, and its numbers beside it.

    Args:
        effects: as of :func:`effects_of_claims`.
        note: stands below.
    """
    panels = [unit for unit in UNITS if unit in set(effects["unit"])] or ["accuracy"]
    rows = [max(1, int((effects["unit"] == unit).sum())) for unit in panels]
    verdicts = [verdict for verdict in COLOURS if verdict in set(effects["verdict"])]
    stricter = (
        "a control's test is one-sided" if effects["stand_in"].any() else "a verdict is stricter"
    )
    words = f"Dots: mean over seeds. Lines: 95 % t interval, uncorrected; {stricter}. "
    words += "Colours: the verdict on the claim there. Grey band: too small to matter."
    if effects["stand_in"].any():
        words += " Stand-in data: controls, which say nothing about the paper's claims."
    with mpl.rc_context({**STYLE, "axes.grid": False, "axes.spines.left": False}):
        height = ROW * sum(rows) + 0.5 * len(panels) + 0.75
        figure = Figure(figsize=(TEXT_WIDTH, height), layout="constrained")
        axes = figure.subplots(len(panels), height_ratios=[n + 1.5 for n in rows], squeeze=False)
        for ax, unit in zip(axes[:, 0], panels, strict=True):
            _draw_panel(ax, effects[effects["unit"] == unit], *UNITS[unit])
        handles = [
            Line2D([], [], label=verdict, linewidth=1.1, markersize=4, **_look(verdict))
            for verdict in verdicts
        ]
        if handles:
            figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        write_note(figure, f"{words} {note}.")
    return figure


def _draw_panel(ax: Axes, effects: pd.DataFrame, label: str, margin: float) -> None:
    ax.axvspan(-margin, margin, color="0.92", lw=0)
    ax.axvline(0, color="black", linewidth=0.7)
    begins = effects["claim"] != effects["claim"].shift()
    for y in begins.to_numpy().nonzero()[0][1:]:
        ax.axhline(y - 0.5, color="0.85", linewidth=0.5)
    for y, row in enumerate(effects.itertuples()):
        look = _look(row.verdict)
        if not math.isnan(row.low):
            ax.hlines(y, row.low, row.high, color=look["color"], linewidth=1.1)
        ax.plot(row.mean, y, markersize=4, **look)
    names = [f"{row.claim}   {row.effect.replace('K_P', '$K_P$')}" for row in effects.itertuples()]
    ax.set_yticks(range(len(effects)), names, fontsize=6.5)
    ax.set_ylim(max(len(effects), 1) - 0.5, -0.5)
    ax.set(xlabel=label)
    ax.tick_params(axis="y", length=0)
    numbers = ax.secondary_yaxis("right")
    numbers.set_yticks(range(len(effects)), map(_numbers, effects.itertuples()), fontsize=6.5)
    numbers.tick_params(length=0)
    numbers.spines["right"].set_visible(False)
    if effects.empty:
        ax.text(0, 0, "no effect has a value", ha="center", va="center", fontsize=7)


def _unjudged(verdict: str) -> str:
    return NO_CONTROL if is_control(verdict) else NOT_JUDGED


def _look(verdict: str) -> dict:
    """Give colour and marker of a verdict; what is not judged is an open dot."""
    colour = COLOURS[verdict]
    colour = sns.color_palette("colorblind")[colour] if isinstance(colour, int) else colour
    face = "white" if verdict in (NOT_JUDGED, NO_CONTROL) else colour
    return {"color": colour, "marker": "o", "markerfacecolor": face}


def _numbers(row: tuple) -> str:
    return f"{describe_effect(row.mean, row.low, row.high)}, {describe_seeds([row.seeds])}"

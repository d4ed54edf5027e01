"""A specification curve: effects in every reading of the protocol, and what each chooses."""

import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedper.draw.style import STYLE, TEXT_WIDTH, write_note
from fedper.judge.multiverse import CHOICE
from fedper.judge.readings import differing
from fedper.judge.rules import SEEDS_OF_INTERVAL

PANEL, ROW, LINE = 0.95, 0.135, 0.115
"""Heights, in inches: of an effect's panel, a row of the matrix, a line of the note."""

NAME_LENGTH, NOTE_LENGTH = 40, 130
"""Characters of a reading's name, which the CSV has whole, and of a line of the note."""

FEWEST_COLUMNS = 8
"""Where there are fewer readings, the rest of the width stays empty."""

MARKERS = {"universe": "o", "test": "D"}
GREY = "0.25"


def draw_specification(readings: pd.DataFrame, note: str) -> Figure:
    """Draw a panel for each effect, with readings in the order of the first, and their choices.

    readings: as of :func:`fedper.judge.multiverse.measure_readings`. Those without any value have
    no column. The matrix has a row for each value of a choice that they make differently.
    """
    drawn = _in_order(readings)
    names = list(dict.fromkeys(drawn["reading"]))
    effects = list(readings.groupby(["claim", "effect"], sort=False).groups)
    choices = drawn.drop_duplicates("reading").set_index("reading").filter(like=CHOICE)
    choices.columns = choices.columns.str.removeprefix(CHOICE)
    of_reference_first = [name for name in readings["reading"].unique() if name in names]
    rows = differing(choices.loc[of_reference_first].to_dict("records"))
    n_rows = max(1, sum(len(values) for values in rows.values()))
    note = textwrap.fill(f"{_explain(readings)} {note}.", NOTE_LENGTH)
    longest = max((len(_short(name)) for name in names), default=0)
    height = (
        (PANEL + 0.25) * len(effects)
        + ROW * n_rows
        + 0.05 * longest
        + LINE * (note.count("\n") + 3)
    )
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(TEXT_WIDTH, height), layout="constrained")
        ratios = [PANEL] * len(effects) + [ROW * n_rows]
        *panels, matrix = figure.subplots(len(ratios), height_ratios=ratios, sharex=True)
        for ax, (claim, effect) in zip(panels, effects, strict=True):
            ax.set_title(f"{claim}: {effect}", loc="left", fontsize=7.5)
            _draw_effect(ax, drawn[drawn["claim"] == claim], names)
        reference = set(drawn.loc[drawn["reference"], "reading"])
        _draw_matrix(matrix, choices, rows, reference)
        for ax in (*panels, matrix):
            for x in (names.index(name) for name in reference):
                ax.axvspan(x - 0.4, x + 0.4, color=_red(), alpha=0.13, lw=0, zorder=0.6)
        matrix.set_xlim(-0.6, max(len(names), FEWEST_COLUMNS) - 0.4)
        write_note(figure, note)
    return figure


def _in_order(readings: pd.DataFrame) -> pd.DataFrame:
    """Sort by the first effect, those without it last; without those that have no value at all."""
    has_value = readings.groupby("reading")["mean"].transform(lambda means: means.notna().any())
    first = readings.drop_duplicates("reading").set_index("reading")["mean"]
    order = readings["reading"].map(first)
    return readings.assign(order=order)[has_value].sort_values("order", kind="stable")


def _draw_effect(ax: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    """Draw the means of one effect, filled where they have an interval."""
    ax.axhline(0, color="black", linewidth=0.7)
    for row in rows.dropna(subset="mean").itertuples():
        colour, x = _red() if row.reference else GREY, names.index(row.reading)
        if row.reference:
            ax.axhline(row.mean, color=colour, linewidth=0.8, linestyle="--")
        has_interval = not np.isnan(row.low)
        if has_interval:
            ax.vlines(x, row.low, row.high, color=colour, linewidth=1.1)
        ax.plot(
            x, row.mean, MARKERS[row.kind], color=colour, markersize=4.2, markeredgewidth=1,
            markerfacecolor=colour if has_interval else "white",
        )  # fmt: skip
    ax.margins(y=0.12)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.grid(axis="y", alpha=0.3)
    ax.tick_params(axis="x", length=0)
    ax.spines["bottom"].set_visible(False)


def _draw_matrix(
    ax: Axes, choices: pd.DataFrame, rows: dict[str, list[str]], reference: set[str]
) -> None:
    """Draw a row for each value of each choice, with a dot where a reading has it.

    choices: of each reading, by its name.
    """
    labels = []
    for number, (choice, values) in enumerate(rows.items()):
        if number % 2 == 0:
            band = (len(labels) - 0.5, len(labels) + len(values) - 0.5)
            ax.axhspan(*band, color="0.94", lw=0, zorder=0.5)
        for value in values:
            for x, (name, has) in enumerate(choices[choice].items()):
                colour = _red() if name in reference else GREY
                size, colour = (14, colour) if has == value else (2, "0.75")
                ax.scatter(x, len(labels), s=size, color=[colour], lw=0)
            labels.append(f"{choice}: {value}" if value == values[0] else value)
    ax.set_yticks(range(len(labels)), labels, fontsize=6.5)
    ax.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    ax.set_xticks(range(len(choices)), map(_short, choices.index), rotation=90, fontsize=6.5)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _explain(readings: pd.DataFrame) -> str:
    """Say what is drawn how."""
    drawn = readings.dropna(subset="mean")
    words = ["FedPer: $K_P$ = 2. Red: the reference; dashed: its value."]
    if drawn["low"].notna().any():
        words.append("Bars: 95 % t interval over seeds, uncorrected.")
    if drawn["low"].isna().any():
        words.append(f"Open: mean of fewer than {SEEDS_OF_INTERVAL} seeds.")
    if (drawn["kind"] == "test").any():
        words.append("Diamonds: other tests of the reference's runs.")
    return " ".join(words)


def _red() -> tuple[float, float, float]:
    """Give the colour of the reference."""
    return sns.color_palette("colorblind")[3]


def _short(name: str) -> str:
    return textwrap.shorten(name, NAME_LENGTH, placeholder=" …")

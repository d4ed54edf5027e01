"""What all figures share: style, width, the note on what is shown, and how they are saved."""

import textwrap
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedper.files import atomic

COLUMN_WIDTH = 3.5
"""Width of a journal's column, in inches; figures are drawn at that size, with 6.5-8 pt type."""

TEXT_WIDTH = 7.0
"""Width of a page's text, for figures across both columns."""

LETTERS_PER_INCH = 19
"""Of a note, so many that no line of ordinary words leaves the figure; a test measures it."""

STYLE = {
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "lines.linewidth": 1.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "savefig.dpi": 300,
}


def write_note(figure: Figure, note: str) -> None:
    """Write below the figure what it shows, in lines as long as the figure is wide."""
    width = int(LETTERS_PER_INCH * figure.get_figwidth())
    figure.supxlabel(textwrap.fill(note, width), fontsize=6.5, color="0.35", x=0.02, ha="left")


FLOOR = "Floor: always guessing each client's commonest test label."

FLOOR_GREY = "0.6"


def draw_floor(ax: Axes, rows: pd.DataFrame, markers: dict[int, str] | None = None) -> None:
    """Draw the accuracy of guessing each client's commonest label, a thin grey line for each k.

    Args:
        ax: to draw on.
        rows: with classes_per_client and floor; nothing is drawn where floor is NaN.
        markers: by k (0: clients are workers), to tell lines apart where there are several.
    """
    k = rows["classes_per_client"].fillna(0).astype(int)
    floors = rows["floor"].groupby(k).mean().dropna().sort_values(ascending=False)
    for k, value in floors.items():
        several = len(floors) > 1 and markers
        ax.axhline(
            value, color=FLOOR_GREY, linewidth=0.8, zorder=0.9,
            label=f"floor, k = {k}" if several else "floor",
            marker=markers[k] if several else None, markersize=3, markevery=[1], clip_on=False,
        )  # fmt: skip


def has_floor(rows: pd.DataFrame) -> bool:
    """Tell whether there is one to draw."""
    return bool(rows["floor"].notna().any())


def save_figure(figure: Figure, stem: Path) -> None:
    """Write ``stem``.pdf and ``stem``.png, the same bytes for the same figure."""
    with mpl.rc_context(STYLE):
        with atomic(stem.with_suffix(".pdf")) as path:
            figure.savefig(path, metadata={"CreationDate": None})
        with atomic(stem.with_suffix(".png")) as path:
            figure.savefig(path)

"""What all figures share: style, width, the note on what is shown, and how they are saved."""

import textwrap
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from fedper.files import atomic

COLUMN_WIDTH = 3.5
"""Width of a journal's column, in inches; figures are drawn at that size, with 6.5-8 pt type."""

TEXT_WIDTH = 7.0
"""Width of a page's text, for figures across both columns."""

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


def write_note(figure: Figure, note: str, width: int = 72) -> None:
    """Write below the figure what it shows, in lines of at most ``width`` characters."""
    figure.supxlabel(textwrap.fill(note, width), fontsize=6.5, color="0.35", x=0.02, ha="left")


def save_figure(figure: Figure, stem: Path) -> None:
    """Write ``stem``.pdf and ``stem``.png, the same bytes for the same figure."""
    with mpl.rc_context(STYLE):
        with atomic(stem.with_suffix(".pdf")) as path:
            figure.savefig(path, metadata={"CreationDate": None})
        with atomic(stem.with_suffix(".png")) as path:
            figure.savefig(path)

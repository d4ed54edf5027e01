"""A figure that is not in the paper: what accuracy costs in bytes."""

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedper.draw.clients import METHODS
from fedper.draw.panels import draw_grid, top_of
from fedper.draw.style import FLOOR, STYLE, draw_floor, has_floor, write_note


def draw_communication(rounds: pd.DataFrame, note: str) -> Figure:
    """Draw accuracy against bytes sent.

    rounds: as of :func:`fedper.results.summary.accuracy_and_traffic`.
    """

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        colours = sns.color_palette("colorblind")
        for (method, (style, marker)), colour in zip(METHODS.items(), colours, strict=False):
            own = rows[rows["method"] == method].dropna(subset="accuracy")
            points = own.groupby("round")[["megabytes", "accuracy"]].mean()
            ax.plot(
                points["megabytes"], points["accuracy"], label=method, linestyle=style,
                marker=marker, color=colour, markersize=3, markevery=max(1, len(points) // 10),
            )  # fmt: skip
        ax.set(xlabel="sent and received, MB", ylabel="test accuracy")
        draw_floor(ax, rows)
        ax.set(xlim=(0, None), ylim=(0, top_of(rows)))
        ax.legend(loc="best")

    with mpl.rc_context(STYLE):
        figure = draw_grid(rounds, draw)
        floor = f" {FLOOR}" if has_floor(rounds) else ""
        words = f"Mean over clients and seeds; all clients' traffic together.{floor} {note}."
        write_note(figure, words)
    return figure

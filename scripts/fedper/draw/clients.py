"""A figure that is not in the paper: the accuracy of every client."""

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedper.draw.panels import draw_grid
from fedper.draw.style import FLOOR, STYLE, draw_floor, has_floor, write_note
from fedper.plan.experiments import describe_seeds

METHODS = {"FedAvg": ("--", "s"), "FedPer": ("-", "o")}
"""The methods that both figures compare, with line style and marker."""


def draw_clients(last: pd.DataFrame, note: str) -> Figure:
    """Draw the accuracy of every client in the last round, a dot each, by number, and their mean.

    last: one row for each run and client, as of :func:`fedper.results.summary.last_round`. The
    worst client of each method is named with its test samples.
    """

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        methods = [method for method in METHODS if method in set(rows["method"])]
        for place, (method, colour) in enumerate(
            zip(methods, sns.color_palette("colorblind"), strict=False)
        ):
            own = rows[rows["method"] == method].dropna(subset="accuracy")
            if own.empty:
                ax.annotate("no value", (place, 0), ha="center", fontsize=6.5)
                continue
            mean, worst = own["accuracy"].mean(), own.loc[own["accuracy"].idxmin()]
            # beside each other in the order of their numbers, so that no dot hides another
            sideways = 0.44 * (own["client"] / max(own["client"].max(), 1) - 0.5)
            ax.scatter(place + sideways, own["accuracy"], color=colour, s=11, alpha=0.8, lw=0)
            ax.hlines(mean, place - 0.3, place + 0.3, color="black", linewidth=1.2)
            ax.annotate(
                f"worst {worst['accuracy']:.2f}\n(n = {worst['samples']:.0f})",
                (place, worst["accuracy"]),
                xytext=(place + 0.28, worst["accuracy"]),
                fontsize=5.5,
                va="center",
            )
        draw_floor(ax, rows)
        ax.set_xticks(range(len(methods)), methods)
        ax.set(xlabel="", ylabel="test accuracy", xlim=(-0.5, 1.75))
        ax.set_ylim(bottom=-0.04 * ax.get_ylim()[1])

    with mpl.rc_context({**STYLE, "axes.grid.axis": "y"}):
        figure = draw_grid(last, draw)
        drawn = last.dropna(subset="accuracy").groupby(["dataset", "model"])
        dots = f"clients of {describe_seeds(list(drawn['seed'].nunique()) or [0])}"
        floor = f" Grey line: {FLOOR[7:]}" if has_floor(last) else ""
        words = f"Dots: {dots}, last round; line: their mean; n: test samples.{floor} {note}."
        write_note(figure, words)
    return figure

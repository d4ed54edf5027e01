"""Figures that the paper has not: every client's accuracy, and what accuracy costs in bytes."""

from collections.abc import Callable

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedper.draw.curves import panels_of, top_of
from fedper.draw.style import FLOOR, STYLE, TEXT_WIDTH, draw_floor, has_floor, write_note

METHODS = {"FedAvg": ("--", "s"), "FedPer": ("-", "o")}
"""The methods that both figures compare, with line style and marker."""


def draw_clients(last: pd.DataFrame, note: str) -> Figure:
    """Draw the accuracy of every client in the last round, a dot each, by number, and their mean.

    last: one row for each run and client, as of :func:`fedper.judge.summary.last_round`. The
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
        n_seeds = last["seed"].nunique()
        dots = "clients" if n_seeds == 1 else f"clients of {n_seeds} seeds"
        floor = f" Grey line: {FLOOR[7:]}" if has_floor(last) else ""
        words = f"Dots: {dots}, last round; line: their mean; n: test samples.{floor} {note}."
        write_note(figure, words)
    return figure


def draw_communication(rounds: pd.DataFrame, note: str) -> Figure:
    """Draw accuracy against bytes sent.

    rounds: as of :func:`fedper.judge.summary.accuracy_and_traffic`.
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


def draw_grid(frame: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None]) -> Figure:
    """Draw a panel for each data set and model, two beside each other."""
    panels = panels_of(frame)
    n_columns = min(2, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(TEXT_WIDTH * n_columns / 2, 2.1 * n_rows + 0.3), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).reshape(-1)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax, (title, here) in zip(axes, panels, strict=False):
        draw(ax, frame[here])
        ax.set_title(title)
    return figure

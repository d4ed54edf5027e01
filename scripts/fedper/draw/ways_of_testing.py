"""A figure that is not in the paper: the same runs, tested in every way."""

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from fedper.draw.panels import draw_grid, top_of
from fedper.draw.style import FLOOR, STYLE, TEXT_WIDTH, draw_floor, has_floor, write_note

LINES = {
    "FedAvg": {"linestyle": "--", "marker": "o", "markerfacecolor": "white"},
    "FedPer": {"linestyle": "-", "marker": "o"},
}
"""Line and marker of each method: open dots for FedAvg, as a test that was due once is a dot."""

N_COLUMNS = 3
"""Of the legend."""


def draw_tests(curves: pd.DataFrame, note: str) -> Figure:
    """Draw accuracy over rounds: a colour for each test, FedAvg dashed and FedPer solid.

    curves: one row for each run, test and round, as of
    :func:`fedper.results.summary.mean_over_clients`
    for the rows of every test. There is a panel for each data set and model.
    """
    tests = list(curves["test"].unique())
    colours = dict(zip(tests, sns.color_palette("colorblind", len(tests)), strict=True))

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        _draw_panel(ax, rows, colours)
        ax.set(xlabel="global round", ylabel="test accuracy", ylim=(0, top_of(curves)))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))

    with mpl.rc_context(STYLE):
        figure = draw_grid(curves, draw, width=TEXT_WIDTH, legend=0.4)
        keys = [
            Line2D([], [], color="black", markersize=3, label=method, **look)
            for method, look in LINES.items()
        ]
        keys += [Line2D([], [], color=colour, label=test) for test, colour in colours.items()]
        figure.legend(handles=keys, loc="outside upper center", ncols=N_COLUMNS)
        reference = ", ".join(curves.loc[curves["reference"], "test"].unique())
        floor = f" {FLOOR}" if has_floor(curves) else ""
        write_note(figure, f"Mean over clients and seeds; {note}. Reference: {reference}.{floor}")
    return figure


def _draw_panel(ax: Axes, rows: pd.DataFrame, colours: dict[str, tuple]) -> None:
    for test, colour in colours.items():
        for method, look in LINES.items():
            own = rows[(rows["test"] == test) & (rows["method"] == method)]
            means = own.groupby("round")["accuracy"].mean().dropna()
            width = 1.8 if own["reference"].any() else 1.0
            ax.plot(
                means.index, means, color=colour, label=f"{method}, {test}", linewidth=width,
                markersize=3, markevery=max(1, len(means) // 10), **look,
            )  # fmt: skip
    draw_floor(ax, rows)

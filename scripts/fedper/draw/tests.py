"""A figure that the paper has not: the same runs, tested in every way."""

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedper.draw.curves import panels_of, top_of
from fedper.draw.style import FLOOR, STYLE, TEXT_WIDTH, draw_floor, has_floor, write_note

LINES = {"FedAvg": "--", "FedPer": "-"}


def draw_tests(curves: pd.DataFrame, note: str) -> Figure:
    """Draw accuracy over rounds by test, FedAvg dashed and FedPer solid.

    curves: one row for each run, test and round, as of
    :func:`fedper.judge.summary.mean_over_clients` for the rows of every test. There is a panel for
    each data set and model.
    """
    panels, tests = panels_of(curves), list(curves["test"].unique())
    colours = dict(zip(tests, sns.color_palette("colorblind", len(tests)), strict=True))
    n_columns = min(2, len(panels))
    n_rows = -(-len(panels) // n_columns)
    with mpl.rc_context(STYLE):
        size = (TEXT_WIDTH, 2.1 * n_rows + 0.7)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True).reshape(-1)
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        for ax, (title, here) in zip(axes, panels, strict=False):
            _draw_panel(ax, curves[here], colours)
            ax.set(title=title, xlabel="global round", ylabel="test accuracy")
            ax.set_ylim(0, top_of(curves))
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
        reference = ", ".join(curves.loc[curves["reference"], "test"].unique())
        floor = f" {FLOOR}" if has_floor(curves) else ""
        write_note(figure, f"Mean over clients and seeds; {note}. Reference: {reference}.{floor}")
    return figure


def _draw_panel(ax: Axes, rows: pd.DataFrame, colours: dict[str, tuple]) -> None:
    for test, colour in colours.items():
        for method, line in LINES.items():
            own = rows[(rows["test"] == test) & (rows["method"] == method)]
            means = own.groupby("round")["accuracy"].mean().dropna()
            width = 1.8 if own["reference"].any() else 1.0
            ax.plot(
                means.index, means, line, color=colour, label=f"{method}, {test}",
                linewidth=width, marker="o", markersize=2.5, markevery=max(1, len(means) // 10),
            )  # fmt: skip
    draw_floor(ax, rows)

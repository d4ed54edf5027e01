"""A figure that is not in the paper: accuracy before aggregation, after it, after fine-tuning."""

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedper.draw.curves import FURTHER, LOOKS
from fedper.draw.panels import draw_grid, top_of
from fedper.draw.style import FLOOR, STYLE, draw_floor, has_floor, write_note
from fedper.judge.moments import MOMENTS

INCHES_OF_A_NAME = 1.7
"""Width of a method's name in the legend."""


def draw_moments(runs: pd.DataFrame, note: str) -> Figure:
    """Draw a line for each method over the three moments, and a dot for each seed.

    runs: as of :func:`fedper.judge.moments.at_moments`. There is a panel for each data set and
    model.
    """
    drawn = runs.dropna(subset="accuracy")["method"].unique()
    methods = sorted(drawn, key=lambda method: [*LOOKS, method].index(method))

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        _draw_lines(ax, rows, methods)
        ax.set(ylabel="test accuracy", ylim=(0, top_of(runs)))

    with mpl.rc_context({**STYLE, "axes.grid.axis": "y"}):
        figure = draw_grid(runs, draw, legend=0.3)
        handles = {
            label: handle
            for ax in figure.axes
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
        }
        n_columns = int(figure.get_figwidth() / INCHES_OF_A_NAME)
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=n_columns)
        floor = f" {FLOOR}" if has_floor(runs) else ""
        words = "Last round, mean over clients; dots: seeds; lines: their mean."
        write_note(figure, f"{words} {note}.{floor}")
    return figure


def _draw_lines(ax: Axes, rows: pd.DataFrame, methods: list[str]) -> None:
    palette, further = sns.color_palette("colorblind"), iter(FURTHER)
    for number, method in enumerate(methods):
        colour, marker, style = LOOKS.get(method) or next(further)
        colour = "black" if colour is None else palette[colour]
        own = rows[rows["method"] == method].dropna(subset="accuracy")
        x = own["moment"].map(MOMENTS.index).astype(float) + 0.04 * (
            number - (len(methods) - 1) / 2
        )
        means = own.groupby(x)["accuracy"].mean()
        ax.plot(means.index, means, color=colour, linestyle=style, marker=marker, markersize=4,
                label=method)  # fmt: skip
        ax.scatter(x, own["accuracy"], color=colour, s=5, alpha=0.5, linewidths=0)
    draw_floor(ax, rows)
    ax.set_xticks(range(len(MOMENTS)), [moment.replace(" ", "\n", 1) for moment in MOMENTS])
    ax.set_xlim(-0.3, len(MOMENTS) - 0.7)

"""A panel for each data set and model."""

from collections.abc import Callable
from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedper.draw.style import COLUMN_WIDTH, TEXT_WIDTH
from fedper.names import dataset_order, dataset_title, model_order, model_title


def panels_of(frame: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """List the title of each panel, and which rows of the frame it shows, in the paper's order.

    Data sets and models of which no run has an accuracy have no panel, unless none has one.
    """
    has_value = frame["accuracy"].notna()
    shown = frame[has_value] if has_value.any() else frame
    several = frame["dataset"].nunique() > 1
    panels = []
    for dataset in sorted(shown["dataset"].unique(), key=dataset_order):
        of_dataset = frame["dataset"] == dataset
        models = shown["model"][shown["dataset"] == dataset].unique()
        for model in sorted(models, key=model_order):
            title = f"{dataset_title(dataset)}, {model_title(model)}"
            title = title if several else model_title(model)
            letter = ascii_lowercase[len(panels)]
            panels.append((f"({letter}) {title}", of_dataset & (frame["model"] == model)))
    return panels


def top_of(curves: pd.DataFrame) -> float:
    """Give the upper end of the axis of accuracy, 1 at most."""
    return min(1, 1.06 * np.nan_to_num(curves[["accuracy", "floor"]].max().max(), nan=1))


def draw_grid(
    frame: pd.DataFrame,
    draw: Callable[[Axes, pd.DataFrame], None],
    width: float | None = None,
    legend: float = 0.0,
) -> Figure:
    """Draw a panel for each data set and model, two or three beside each other.

    Args:
        frame: rows of all panels.
        draw: draws the rows of one panel.
        width: of the figure, in inches; None: a column's for one panel, else the page's.
        legend: height in inches that a legend above the panels needs.
    """
    panels = panels_of(frame)
    n_columns = 3 if len(panels) % 3 == 0 else min(2, len(panels))
    n_rows = -(-len(panels) // n_columns)
    width = width or (COLUMN_WIDTH if n_columns == 1 else TEXT_WIDTH)
    note = 0.8 if width == COLUMN_WIDTH else 0.3  # a narrow figure's has more lines
    height = (2.1 if n_columns < 3 else 2.2) * n_rows + note + legend
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).reshape(-1)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax, (title, here) in zip(axes, panels, strict=False):
        draw(ax, frame[here])
        ax.set_title(title.replace(", ", ",\n") if n_columns == 3 else title)
    return figure

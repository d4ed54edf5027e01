"""A panel for each data set and model."""

from collections.abc import Callable
from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedper.draw.style import TEXT_WIDTH
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


def draw_grid(frame: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None]) -> Figure:
    """Draw a panel for each data set and model, two beside each other."""
    panels = panels_of(frame)
    n_columns = min(2, len(panels))
    n_rows = -(-len(panels) // n_columns)
    height = 2.1 * n_rows + (0.3 if n_columns > 1 else 0.8)  # a narrow figure's note has more lines
    figure = Figure(figsize=(TEXT_WIDTH * n_columns / 2, height), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).reshape(-1)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax, (title, here) in zip(axes, panels, strict=False):
        draw(ax, frame[here])
        ax.set_title(title)
    return figure

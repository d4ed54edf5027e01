"""The paper's figures: accuracy over rounds, a panel a model; and who holds which samples."""

import textwrap
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fedper.files import atomic
from fedper.partition import Partition
from fedper.results import MODEL_TITLES, last_round

COLUMN_WIDTH = 3.5
"""Width of a journal's column, in inches; figures are drawn at that size, with 7-8 pt type."""

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


def draw_methods(curves: pd.DataFrame, note: str) -> Figure:
    """Figures 2 and 3: FedAvg (dashed) against FedPer (solid), a colour for each k.

    curves: one row for each run and round, as of :func:`fedper.results.mean_over_clients`.
    """
    ks = sorted(curves["classes_per_client"].unique())
    colours = dict(zip(ks, sns.color_palette("colorblind", len(ks)), strict=True))
    markers = dict(zip(ks, "osD^vP", strict=False))
    lines = {}
    for method, dashes in (("FedPer", "-"), ("FedAvg", "--")):
        for k in ks:
            look = {"color": colours[k], "linestyle": dashes, "marker": markers[k]}
            lines[method, k] = (f"{method}, k = {k}", look)
    keys = pd.Series(
        list(zip(curves["method"], curves["classes_per_client"], strict=True)), index=curves.index
    )
    return _draw_panels(curves, keys, lines, note)


def draw_depths(curves: pd.DataFrame, note: str) -> Figure:
    """Figures 4 and 5: FedPer with each K_P (solid), and FedAvg (dashed)."""
    depths = sorted(curves["personalization_layers"].unique())
    colours = sns.color_palette("colorblind", len(depths))
    lines = {}
    for depth, colour, marker in zip(depths, colours, "osD^vPX", strict=False):
        name = "FedAvg" if depth == 0 else f"FedPer, $K_P$ = {depth}"
        dashes = "--" if depth == 0 else "-"
        look = {"color": "black" if depth == 0 else colour, "linestyle": dashes, "marker": marker}
        lines[depth] = (name, look)
    return _draw_panels(curves, curves["personalization_layers"], lines, note)


DRAW = {"figure2": draw_methods, "figure4": draw_depths}
"""How each figure of the paper is drawn."""


def draw_partitions(partitions: list[Partition], labels: NDArray[np.int64], note: str) -> Figure:
    """Draw training samples per client and class, a panel for each partition, on one colour scale.

    labels: int64 [n], of the data set's training split.
    """
    n_classes = int(labels.max()) + 1
    counts = [
        np.stack([np.bincount(labels[client.train], minlength=n_classes) for client in p.clients])
        for p in partitions
    ]
    annotate = n_classes <= 10
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 1.9 * len(partitions) + 0.3), layout="constrained")
        axes = figure.subplots(len(partitions), squeeze=False, sharex=True)[:, 0]
        for ax, partition, samples in zip(axes, partitions, counts, strict=True):
            sns.heatmap(
                samples,
                ax=ax,
                mask=samples == 0,
                cmap="crest",
                vmin=0,
                vmax=max(samples.max() for samples in counts),
                cbar=False,
                annot=annotate,
                fmt="d",
                annot_kws={"size": 5.5},
                linewidths=0.4 if annotate else 0,
            )
            ax.grid(False)
            ax.set(title=f"k = {partition.classes_per_client}", ylabel="client")
            ax.tick_params(axis="y", rotation=0)
        axes[-1].set_xlabel("class")
        colours = axes[0].collections[0]
        figure.colorbar(colours, ax=list(axes), label="training samples", aspect=40)
        _write_note(figure, f"Blank: none. {note}.")
    return figure


def save_figure(figure: Figure, stem: Path) -> None:
    """Write ``stem``.pdf and ``stem``.png, the same bytes for the same figure."""
    with mpl.rc_context(STYLE):
        with atomic(stem.with_suffix(".pdf")) as path:
            figure.savefig(path, metadata={"CreationDate": None})
        with atomic(stem.with_suffix(".png")) as path:
            figure.savefig(path)


def _draw_panels(
    curves: pd.DataFrame, keys: pd.Series, lines: dict[object, tuple[str, dict]], note: str
) -> Figure:
    """Draw one panel for each model, and in it a line for each key, labelled and styled."""
    models = [model for model in MODEL_TITLES if model in set(curves["model"])]
    n_seeds = curves["seed"].nunique()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.05 * len(models) + 0.3), layout="constrained")
        axes = figure.subplots(len(models), squeeze=False, sharex=True, sharey=True)[:, 0]
        for letter, ax, model in zip("abcdef", axes, models, strict=False):
            here = curves["model"] == model
            for key in _by_last_accuracy(curves[here], keys[here]):
                label, look = lines[key]
                _draw_line(ax, curves[here & (keys == key)], label, look)
            ax.set(title=f"({letter}) {MODEL_TITLES[model]}", ylabel="test accuracy", ylim=(0, 1))
            ax.set_xlabel("global round" if ax is axes[-1] else "")
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=2.6)
        band = f" Bands: ± 1 sd over {n_seeds} seeds." if n_seeds > 1 else ""
        _write_note(figure, f"Mean over clients. {note}.{band}")
    return figure


def _draw_line(ax: Axes, points: pd.DataFrame, label: str, look: dict) -> None:
    last = points["round"].max()
    sns.lineplot(
        points,
        x="round",
        y="accuracy",
        ax=ax,
        label=label,
        errorbar="sd" if points["seed"].nunique() > 1 else None,
        markersize=3.5,
        markeredgewidth=0,
        markevery=max(1, last // 10),
        **look,
    )


def _by_last_accuracy(curves: pd.DataFrame, keys: pd.Series) -> list:
    """Order keys as their lines end, best first, so that the legend follows the lines."""
    ends = last_round(curves)
    return list(ends["accuracy"].groupby(keys[ends.index]).mean().sort_values().index[::-1])


def _write_note(figure: Figure, note: str) -> None:
    figure.supxlabel(textwrap.fill(note, 72), fontsize=6.5, color="0.35", x=0.02, ha="left")

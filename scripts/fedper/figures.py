"""The paper's figures of accuracy over rounds, a panel a model."""

from itertools import cycle

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedper.plotting import COLUMN_WIDTH, STYLE, write_note
from fedper.results import MODEL_TITLES, last_round


def draw_methods(curves: pd.DataFrame, note: str) -> Figure:
    """Figures 2 and 3: FedAvg (dashed) against FedPer (solid), a colour for each k.

    curves: one row for each run and round, as of :func:`fedper.results.mean_over_clients`; all
    runs of FedPer have one K_P.
    """
    ks = sorted(curves["classes_per_client"].unique())
    lines = {}
    for k, colour, marker in zip(ks, cycle(sns.color_palette("colorblind")), cycle("osD^vPX")):
        look = {"color": colour, "marker": marker}
        lines["FedPer", k] = (f"FedPer, k = {k}", {**look, "linestyle": "-"})
        lines["FedAvg", k] = (f"FedAvg, k = {k}", {**look, "linestyle": "--"})
    pairs = zip(curves["method"], curves["classes_per_client"], strict=True)
    (k_p,) = set(curves["personalization_layers"]) - {0}
    return _draw_panels(
        curves, pd.Series(list(pairs), curves.index), lines, f"FedPer: $K_P$ = {k_p}. {note}"
    )


def draw_depths(curves: pd.DataFrame, note: str) -> Figure:
    """Figures 4 and 5: FedPer with each K_P (solid), and FedAvg (dashed).

    curves: as for :func:`draw_methods`; all runs have one k.
    """
    depths = sorted(set(curves["personalization_layers"]) - {0})
    lines = {0: ("FedAvg", {"color": "black", "marker": "o", "linestyle": "--"})}
    for depth, colour, marker in zip(
        depths, cycle(sns.color_palette("colorblind")), cycle("sD^vPX")
    ):
        look = {"color": colour, "marker": marker, "linestyle": "-"}
        lines[depth] = (f"FedPer, $K_P$ = {depth}", look)
    (k,) = set(curves["classes_per_client"])
    return _draw_panels(curves, curves["personalization_layers"], lines, f"k = {k}. {note}")


DRAW = {"figure2": draw_methods, "figure4": draw_depths}
"""How each figure of the paper is drawn."""


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
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=2.6)
        band = f" Bands: ± 1 sd over {n_seeds} seeds." if n_seeds > 1 else ""
        write_note(figure, f"Mean over clients; {note}.{band}")
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

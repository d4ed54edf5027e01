"""The paper's figures of accuracy over rounds, a panel for each data set and model."""

from itertools import cycle

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedper.draw.panels import panels_of, top_of
from fedper.draw.style import COLUMN_WIDTH, FLOOR, STYLE, draw_floor, has_floor, write_note
from fedper.plan.experiments import describe_seeds
from fedper.results.summary import last_round

Look = dict[str, object]

LOOKS = {
    "FedPer": (0, "o", "-"),
    "FedPer fine-tuned": (2, "^", "-"),
    "FedPer linear base": (1, "X", "-"),
    "local training": (None, "D", ":"),
    "FedAvg": (0, "s", "--"),
    "FedAvg fine-tuned": (2, "v", "--"),
}
"""Colour (of seaborn's colour-blind palette, or black), marker and line of the paper's variants."""

FURTHER = [
    (colour, marker, style)
    for style in ("-.", ":", "--", "-")
    for colour, marker in zip((3, 4, 5, 6, 8, 9), "Pdh<>p", strict=True)
]
"""The same for other methods, in the order of their names."""


def draw_methods(curves: pd.DataFrame, note: str) -> Figure:
    """Figures 2, 3 and 7: FedAvg (dashed) against FedPer (solid), a colour for each k.

    curves: one row for each run and round, as of
    :func:`fedper.results.summary.mean_over_clients`; all runs of FedPer have one K_P.
    """
    k_of = curves["classes_per_client"].fillna(0).astype(int)  # 0: clients are workers
    lines, markers = {}, {}
    for k, colour, marker in zip(
        sorted(k_of.unique()), cycle(sns.color_palette("colorblind")), cycle("osD^vPX")
    ):
        markers[k] = marker
        look = {"color": colour, "marker": marker}
        suffix = f", k = {k}" if k else ""
        lines["FedPer", k] = (f"FedPer{suffix}", {**look, "linestyle": "-"})
        lines["FedAvg", k] = (f"FedAvg{suffix}", {**look, "linestyle": "--"})
    pairs = list(zip(curves["method"], k_of, strict=True))
    (k_p,) = set(curves["personalization_layers"]) - {0}
    note = f"FedPer: $K_P$ = {k_p}. {note}"
    return _draw_panels(curves, pd.Series(pairs, curves.index), lines, note, markers)


def draw_depths(curves: pd.DataFrame, note: str) -> Figure:
    """Figures 4, 5 and 8: FedPer with each K_P (solid), and FedAvg (dashed).

    curves: as for :func:`draw_methods`; all runs have one k.
    """
    depths = sorted(set(curves["personalization_layers"]) - {0})
    lines = {0: ("FedAvg", {"color": "black", "marker": "o", "linestyle": "--"})}
    for depth, colour, marker in zip(
        depths, cycle(sns.color_palette("colorblind")), cycle("sD^vPX")
    ):
        look = {"color": colour, "marker": marker, "linestyle": "-"}
        lines[depth] = (f"FedPer, $K_P$ = {depth}", look)
    note = "".join(f"k = {k:.0f}. " for k in curves["classes_per_client"].dropna().unique()) + note
    return _draw_panels(curves, curves["personalization_layers"], lines, note)


def draw_variants(curves: pd.DataFrame, note: str) -> Figure:
    """Figure 6 and figures of further methods: FedPer beside its parts and relatives.

    curves: as for :func:`draw_methods`; all runs of FedPer have one K_P, of a data set one k. A
    method that LOOKS does not know gets the next of FURTHER.
    """
    palette, further = sns.color_palette("colorblind"), cycle(FURTHER)
    lines = {}
    for method in sorted(curves["method"].unique()):
        colour, marker, style = LOOKS.get(method) or next(further)
        colour = "black" if colour is None else palette[colour]
        lines[method] = (method, {"color": colour, "marker": marker, "linestyle": style})
    (k_p,) = set(curves["personalization_layers"][curves["method"] == "FedPer"])
    same = curves["method"][curves["personalization_layers"] == k_p].unique()
    return _draw_panels(
        curves, curves["method"], lines, f"{', '.join(sorted(same))}: $K_P$ = {k_p}. {note}"
    )


def _draw_panels(
    curves: pd.DataFrame,
    keys: pd.Series,
    lines: dict[object, tuple[str, Look]],
    note: str,
    markers: dict[int, str] | None = None,
) -> Figure:
    """Draw a panel for each data set and model, and in it a line for each key.

    markers: of floors, by k, where there are several.
    """
    panels = panels_of(curves)
    top = top_of(curves)
    with mpl.rc_context(STYLE):
        height = (2.05 if len(panels) < 3 else 1.75) * len(panels) + 0.3
        figure = Figure(figsize=(COLUMN_WIDTH, height), layout="constrained")
        axes = figure.subplots(len(panels), squeeze=False, sharex=True, sharey=True)[:, 0]
        for ax, (title, here) in zip(axes, panels, strict=True):
            for key in _by_last_accuracy(curves[here], keys[here]):
                label, look = lines[key]
                _draw_line(ax, curves[here & (keys == key)].dropna(subset="accuracy"), label, look)
            draw_floor(ax, curves[here], markers)
            ax.set(title=title, ylabel="test accuracy", ylim=(0, top))
            ax.set_xlabel("global round" if ax is axes[-1] else "")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=2.6)
        floor = f" {FLOOR}" if has_floor(curves) else ""
        write_note(figure, f"Mean over clients; {note}.{_band(curves, keys)}{floor}")
    return figure


def _band(curves: pd.DataFrame, keys: pd.Series) -> str:
    """Say what the bands are, if there are any."""
    drawn = curves.dropna(subset="accuracy")
    n_seeds = drawn.groupby(["dataset", "model", keys])["seed"].nunique()
    several = n_seeds[n_seeds > 1]
    if several.empty:
        return ""
    seeds = describe_seeds(list(several))
    return f" Bands: ± 1 sd over {seeds}{'' if n_seeds.min() > 1 else ', where there are several'}."


def _draw_line(ax: Axes, points: pd.DataFrame, label: str, look: Look) -> None:
    if points.empty:
        ax.plot([], [], label=f"{label}: no value", markersize=3.5, **look)
        return
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
        markevery=max(1, int(last) // 10),
        **look,
    )


def _by_last_accuracy(curves: pd.DataFrame, keys: pd.Series) -> list:
    """Order keys as their lines end, best first, so that the legend follows the lines."""
    ends = last_round(curves)
    return list(
        ends["accuracy"].groupby(keys[ends.index]).mean().sort_values(ascending=False).index
    )

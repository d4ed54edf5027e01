"""The page's charts, as Vega. Those of runs get their rows from the form, see page.js."""

import textwrap
from collections.abc import Iterable

import altair as alt
import pandas as pd
import seaborn as sns
import vl_convert

from fedper.draw.forest import COLOURS, UNITS

PALETTE = sns.color_palette("colorblind").as_hex()
BLACK = "#000000"
ROW = 50
"""Height of an effect's row, in pixels, with its name above its interval."""

LETTERS = 46
"""Of a line of such a name, so many that a telephone shows it whole."""

WIDE = "container"
"""Charts are as wide as the place that the page gives them."""

OF_A_LINE = "line", "model", "k", "universe", "seed", "test", "settings", "run", "round", "accuracy"
"""What is shown where the pointer meets a line."""

CONFIG = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "axisX": {"tickCount": 6},
    "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleY": -8},
}


def colours_of_lines(lines: Iterable[dict], choices: Iterable[str]) -> dict[str, str]:
    """Give each value by which lines can be coloured its colour: FedAvg black, as in the figures.

    Args:
        lines: as of :func:`fedper.explore.lines.lines_of_runs`.
        choices: keys of a line by whose values lines can be coloured.
    """
    found = {}
    for choice in choices:
        values = sorted({line[choice] for line in lines}, key=lambda text: (len(text), text))
        if choice == "line":
            values.sort(key=lambda text: (not text.startswith("FedPer,"), text))
        coloured = [value for value in values if value != "FedAvg"]
        found |= {value: PALETTE[i % len(PALETTE)] for i, value in enumerate(coloured)}
    return found | {"FedAvg": BLACK}


def chart_of_curves(colours: dict[str, str]) -> dict:
    """Accuracy over rounds: a line for each run or mean, and its band."""
    base = alt.Chart(alt.NamedData("points"), height=300, width=WIDE).encode(
        x=alt.X("round:Q", title="global round", axis=alt.Axis(tickMinStep=1, grid=False)),
        y=alt.Y("accuracy:Q", title="test accuracy, mean over clients", scale=alt.Scale(zero=True)),
        color=_colour(colours),
        detail="id:N",
    )
    band = base.mark_area(opacity=0.2).encode(y="low:Q", y2="high:Q")
    dots = base.mark_point(filled=True, size=14, opacity=1)
    # what the pointer meets is larger than what is seen
    around = base.mark_point(filled=True, size=300, opacity=0).encode(tooltip=_tooltip(*OF_A_LINE))
    lines = base.mark_line()
    return _spec(band + lines + dots + around)


def chart_of_ends(colours: dict[str, str]) -> dict:
    """Accuracy in the last round: a row for each colour, so this is the legend too."""
    base = alt.Chart(alt.NamedData("ends"), height=alt.Step(24), width=WIDE).encode(
        y=alt.Y("shown:N", title=None, sort=alt.SortField("order"), axis=alt.Axis(labelLimit=260)),
        x=alt.X("accuracy:Q", title="test accuracy in the last round", scale=alt.Scale(zero=False)),
        color=_colour(colours),
        tooltip=_tooltip(*OF_A_LINE),
    )
    sd = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")
    return _spec(sd + base.mark_point(filled=True, size=60, opacity=1))


def chart_of_clients(colours: dict[str, str]) -> dict:
    """Each client's accuracy in the last round of the chosen runs, with guessing as a grey line."""
    base = alt.Chart(alt.NamedData("clients"), height=200, width=WIDE).encode(
        x=alt.X("client:O", title="client", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        tooltip=_tooltip("line", "run", "seed", "test", "client", "accuracy", "floor"),
    )
    y = alt.Y("accuracy:Q", title="test accuracy in the last round", scale=alt.Scale(domainMin=0))
    floor = base.mark_tick(color="#999999", thickness=2).encode(y="floor:Q")
    return _spec(floor + base.mark_point(filled=True, size=70).encode(y=y, color=_colour(colours)))


def chart_of_verdicts(effects: pd.DataFrame, unit: str) -> dict:
    """Draw the effects behind verdicts in one unit, with their intervals.

    Args:
        effects: as of :func:`fedper.draw.forest.effects_of_claims`, of that unit.
        unit: a key of UNITS.
    """
    label, margin = UNITS[unit]
    colours = {
        verdict: PALETTE[look] if isinstance(look, int) else _grey(look)
        for verdict, look in COLOURS.items()
        if verdict in set(effects["verdict"])
    }
    names = [f"{row.claim}: {row.effect}" for row in effects.itertuples()]
    names = [name.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}") for name in names]
    named = effects.assign(
        name=[textwrap.fill(name, LETTERS) for name in names], order=range(len(effects))
    )
    legend = alt.Legend(orient="top", title=None, labelLimit=300, columns=2)
    colour = _colour(colours, "verdict:N", legend)
    fields = ("claim", "effect", "verdict", "mean", "low", "high", "seeds")
    chart = _intervals(alt.Chart(_values(named), width=WIDE), label, colour, fields)
    return _spec(_band(margin) + chart)


def chart_of_readings(choices: Iterable[str]) -> dict:
    """Draw one effect in every reading of the protocol; choices: the columns that tell them apart.

    The reference is red, as in the figure.
    """
    colour = alt.condition("datum.reference", alt.value(PALETTE[3]), alt.value("#404040"))
    chart = alt.Chart(alt.NamedData("readings"), width=WIDE)
    fields = ("effect", "reading", "mean", "low", "high", "n_seeds", *choices)
    label, margin = UNITS["accuracy"]
    return _spec(_band(margin) + _intervals(chart, label, colour, fields))


def _intervals(chart: alt.Chart, label: str, colour: object, fields: Iterable[str]) -> alt.Chart:
    """Draw a row for each ``order``: its name, and below it its mean with its interval."""
    base = chart.encode(
        y=alt.Y("order:O", axis=None),
        x=alt.X("mean:Q", title=label, scale=alt.Scale(zero=True), axis=alt.Axis(grid=False)),
        color=colour,
        tooltip=_tooltip(*fields),
    ).properties(height=alt.Step(ROW))
    names = base.mark_text(
        align="left", baseline="top", yOffset=-23, fontSize=12, lineBreak="\n"
    ).encode(x=alt.value(2), text="name:N", color=alt.value("#222222"))
    lines = base.mark_rule(strokeWidth=2, yOffset=15).encode(x="low:Q", x2="high:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1, yOffset=15)
    zero = alt.Chart(_values(pd.DataFrame({"x": [0.0]}))).mark_rule().encode(x="x:Q")
    return zero + lines + dots + names


def _band(margin: float) -> alt.Chart:
    """Draw the effects that are too small to matter."""
    ends = pd.DataFrame({"from": [-margin], "to": [margin]})
    return alt.Chart(_values(ends)).mark_rect(color="#ebebeb").encode(x="from:Q", x2="to:Q")


def _colour(
    colours: dict[str, str], field: str = "shown:N", legend: alt.Legend | None = None
) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(field, scale=scale, legend=legend)


def _tooltip(*fields: str) -> list[alt.Tooltip]:
    numbers = {"accuracy": ".3f", "floor": ".3f", "mean": "+.3f", "low": "+.3f", "high": "+.3f"}
    titles = {"n_seeds": "seeds", "universe": "reading", "floor": "guessing"}
    return [
        alt.Tooltip(
            field=field.replace(".", "\\."),
            type="quantitative" if field in numbers else "nominal",
            title=titles.get(field, field.removeprefix("choice: ")),
            **({"format": numbers[field]} if field in numbers else {}),
        )
        for field in fields
    ]


def _values(frame: pd.DataFrame) -> alt.InlineData:
    return alt.InlineData(values=frame.astype(object).where(frame.notna(), None).to_dict("records"))


def _grey(level: str) -> str:
    return "#" + f"{round(float(level) * 255):02x}" * 3


def _spec(chart: alt.Chart) -> dict:
    """Compile to Vega, which the browser draws."""
    return vl_convert.vegalite_to_vega(chart.to_dict() | {"config": CONFIG})

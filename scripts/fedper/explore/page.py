"""The page: its charts, rows and libraries in one file, which needs no network and no server."""

import json
from pathlib import Path

import pandas as pd
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fedper.draw.forest import UNITS, effects_of_claims
from fedper.explore.charts import (
    chart_of_clients,
    chart_of_curves,
    chart_of_ends,
    chart_of_readings,
    chart_of_verdicts,
    colours_of_lines,
)
from fedper.explore.lines import MEAN, REFERENCE
from fedper.judge.multiverse import CHOICE

CHOICES = {
    "dataset": "Data set",
    "model": "Model",
    "k": "k",
    "method": "Method",
    "K_P": "K_P",
    "universe": "Reading",
    "test": "Test",
}
"""The keys of a line by which lines are chosen, and how the form names them."""

COLOURED_BY = {
    "line": "method and K_P",
    "k": "k",
    "model": "model",
    "universe": "reading",
    "test": "test",
    "seed": "seed",
}
"""The keys by which lines can be coloured."""


def make_page(lines: list[dict], judged: dict, readings: pd.DataFrame, about: dict) -> str:
    """Write the page as HTML.

    Args:
        lines: as of :func:`fedper.explore.lines.lines_of_runs`.
        judged: content of claims.json.
        readings: as of :func:`fedper.judge.multiverse.measure_readings`; no rows: no section.
        about: ``scale``, ``n_runs`` (how many the scale asks for) and ``n_there``.
    """
    colours = colours_of_lines(lines, COLOURED_BY)
    effects = effects_of_claims(judged["claims"])
    charts = {
        "curves": chart_of_curves(colours),
        "ends": chart_of_ends(colours),
        "clients": chart_of_clients(colours),
    }
    units = [unit for unit in UNITS if unit in set(effects["unit"])]
    charts |= {
        f"verdicts-{number}": chart_of_verdicts(effects[effects["unit"] == unit], unit)
        for number, unit in enumerate(units)
    }
    readings = readings.dropna(subset="mean") if len(readings) else readings
    if len(readings):
        charts["readings"] = chart_of_readings(readings.filter(like=CHOICE).columns)
    contents = {
        "lines": lines,
        "readings": json.loads(readings.to_json(orient="records")),
        "charts": charts,
        "choices": list(CHOICES),
        "reference": REFERENCE,
        "mean": MEAN,
    }
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        **about,
        note=judged["data"],
        stand_ins=judged["stand_ins"],
        choices=CHOICES,
        coloured_by=COLOURED_BY,
        units=units,
        has_readings=len(readings) > 0,
        contents=json.dumps(contents, separators=(",", ":")).replace("<", "\\u003c"),
        libraries=vl_convert.javascript_bundle(),
        style=(here / "page.css").read_text(encoding="utf-8"),
        script=(here / "page.js").read_text(encoding="utf-8"),
    )

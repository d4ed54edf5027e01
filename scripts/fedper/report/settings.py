"""Table 3: every setting of a configuration beside the replication's at full scale."""

from itertools import product

import pandas as pd

from fedper.judge.histories import DATASET_TITLES, MODEL_TITLES, figure_title
from fedper.plan.experiments import figure_runs
from fedper.report.tables import Table

ABSENT = object()

NOT_ASKED_FOR = "not asked for"

GRID_KEYS = ["datasets", "models", "classes_per_client", "personalization_layers", "variants"]


def table3(config: dict, reference: dict) -> Table:
    """Compare a configuration with ``paper/settings.yaml``, a row for each setting.

    source: "paper", "assumption" or "ours" (what the paper has not) where the configuration has
    the reference's value; "deviation" where it has another.
    """
    rows = [
        *_of_data_sets(config, reference["of_data_sets"]),
        *_of_all(config, reference["of_all"]),
        *_of_the_code(config, reference["in_the_code"]),
        *_of_figures(config, reference["figures"]),
        *_set_by_figures(config, reference["of_data_sets"]),
    ]
    frame = pd.DataFrame(rows, columns=["setting", "of", "ours", "reference", "source", "note"])
    return Table(
        number=3,
        title="Settings of every experiment",
        frame=frame,
        shown=_for_reading(frame),
        explained="paper: given in the paper. assumption: the paper is silent. deviation: other "
        "than the replication at full scale, whose value stands beside it. ours: of something that "
        "the paper has not.",
    )


def _of_data_sets(config: dict, reference: list[dict]) -> list[dict]:
    rows = []
    for entry in reference:
        for dataset in entry["values"].keys() & config["datasets"].keys():
            found = _find(config["datasets"][dataset], entry["key"])
            if isinstance(found, dict):  # of a stand-in, its source is enough here
                found = found["source"]
            rows.append(_row(entry, DATASET_TITLES[dataset], found, entry["values"][dataset]))
    order = list(DATASET_TITLES.values())
    return sorted(rows, key=lambda row: order.index(row["of"]))


def _of_all(config: dict, reference: list[dict]) -> list[dict]:
    found = [(entry, _find(config, entry["key"])) for entry in reference]
    return [
        _row(entry, "all", value, entry["value"]) for entry, value in found if value is not ABSENT
    ]


def _of_the_code(config: dict, reference: list[dict]) -> list[dict]:
    """List what has no key; some of it a stand-in does in its own way."""
    stand_ins = [name for name, data in config["datasets"].items() if data["stand_in"]]
    rows = []
    for entry in reference:
        changed = entry.get("not_of_stand_ins") and stand_ins
        ours = "as the stand-ins are made" if changed else entry["value"]
        rows.append(_row(entry, "all", ours, entry["value"]))
    return rows


def _of_figures(config: dict, reference: dict) -> list[dict]:
    rows = []
    for figure, entry in reference.items():
        asked = config["figures"].get(figure, {"runs": []})["runs"]
        same = _combinations(asked) == _combinations(entry["runs"])
        theirs = _describe(entry["runs"])
        ours = theirs if same else _describe(asked) or NOT_ASKED_FOR
        rows.append(_row({**entry, "setting": "runs"}, figure_title(figure), ours, theirs))
    return rows


def _set_by_figures(config: dict, reference: list[dict]) -> list[dict]:
    """List what holds for one figure alone (``set``), and seeds of single entries."""
    rows = []
    for figure, asked in config["figures"].items():
        datasets = dict.fromkeys(run.dataset for run in figure_runs(config, figure))
        for key, value in asked.get("set", {}).items():
            for entry in reference:
                if entry["key"] == key:
                    names = [name for name in datasets if name in entry["values"]]
                    of = f"{figure_title(figure)} alone"
                    rows += [_row(entry, of, value, entry["values"][name]) for name in names]
        own = {_text(grid["seeds"]) for grid in asked["runs"] if "seeds" in grid}
        if own:
            entry = {"setting": "seeds of some runs", "source": "assumption"}
            words = "; ".join(sorted(own))
            rows.append(_row(entry, figure_title(figure), words, words))
    return rows


def _row(entry: dict, of: str, ours: object, reference: object) -> dict:
    return {
        "setting": entry["setting"],
        "of": of,
        "ours": _text(ours),
        "reference": _text(reference),
        "source": entry["source"] if ours == reference else "deviation",
        "note": entry.get("note", ""),
    }


def _find(settings: dict, path: str) -> object:
    value: object = settings
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return ABSENT
        value = value[key]
    return value


def _combinations(grids: list[dict]) -> set[tuple]:
    """List all that is compared: data set, model, k, K_P and variant."""
    return {
        values
        for grid in grids
        for values in product(*(grid.get(key, [None]) for key in GRID_KEYS))
    }


def _describe(grids: list[dict]) -> str:
    """Write what a figure compares, in as many parts as it has entries."""
    parts = []
    for grid in grids:
        words = [
            ", ".join(DATASET_TITLES[name] for name in grid["datasets"]),
            ", ".join(MODEL_TITLES[name] for name in grid["models"]),
        ]
        if "classes_per_client" in grid:
            words.append(f"k = {_text(grid['classes_per_client'])}")
        words.append(f"K_P = {_text(grid['personalization_layers'])}")
        words += [name.replace("_", " ") for name in grid["variants"] if name != "plain"]
        parts.append("; ".join(words))
    return " | ".join(parts)


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _for_reading(frame: pd.DataFrame) -> pd.DataFrame:
    """Merge the data sets that share a setting, and leave out what is said twice."""
    keys = ["setting", "ours", "reference", "source", "note"]
    merged = frame.groupby(keys, sort=False)["of"].agg(", ".join).reset_index()
    same = merged["ours"] == merged["reference"]
    return pd.DataFrame(
        {
            "setting": merged["setting"],
            "of": merged["of"],
            "ours": merged["ours"],
            "source": merged["source"],
            "full scale": merged["reference"].mask(same, ""),
            "note": merged["note"],
        }
    )

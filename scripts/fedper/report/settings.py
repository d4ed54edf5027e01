"""Table 3: every setting beside what the sources say of it, and its value at full scale."""

from collections.abc import Iterator
from itertools import product

import pandas as pd

from fedper.method import Test
from fedper.names import DATASETS, MODELS
from fedper.plan.experiments import figure_runs
from fedper.report.tables import Table

ABSENT = object()

IN_THE_CODE = "in the code"
NOT_ASKED_FOR = "not asked for"

WORDS = {
    "paper": "paper",
    "authors_code": "authors' code",
    "public_replication": "public replication",
}
"""The sources, by their keys in ``paper/settings.yaml``."""

COLUMNS = ["setting", "of", "ours", "reference", "source", *WORDS, "note"]

GRID = {
    "datasets": "",
    "models": "",
    "classes_per_client": "k = ",
    "methods": "",
    "personalization_layers": "K_P = ",
}
"""What an entry of a figure's runs lists, and how that is written."""


def table3(config: dict, reference: dict, figures: dict) -> Table:
    """Compare a configuration with ``paper/settings.yaml``, a row for each setting.

    source: of the reference's value, or "ours", where the configuration has it; "deviation" where
    it has another.  figures: ``paper/figures.yaml``.
    """
    titles = {name: f"Figure {figure['number']}" for name, figure in figures.items()}
    rows = [
        *(row for entry in reference["settings"] for row in _of_setting(config, entry)),
        *_of_figures(config, reference["figures"], titles),
        *_set_by_figures(config, reference["settings"], titles),
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return Table(
        number=3,
        title="Settings of every experiment",
        frame=frame,
        shown=_for_reading(frame),
        explained="Source of ours: paper, authors' code, public replication, see beside it; "
        "assumption: none of them gives it; ours: of what the paper has not; deviation: other than "
        "the replication at full scale, whose value stands beside it.",
    )


def _of_setting(config: dict, entry: dict) -> Iterator[dict]:
    """Make one row, or one for each name where the key has a ``*``."""
    if "value" not in entry:
        return
    value, (section, *rest) = entry["value"], entry["key"].split(".*.")
    if section == IN_THE_CODE:
        stand_ins = any(data["stand_in"] for data in config["datasets"].values())
        changed = entry.get("not_of_stand_ins") and stand_ins
        yield _row(entry, "all", "as the stand-ins are made" if changed else value, value)
    elif not rest:
        yield _row(entry, "all", _find(config, section), value)
    else:
        for name, settings in config[section].items():
            ours = _find(settings, rest[0])
            if isinstance(ours, dict):  # of a stand-in, its source is enough here
                ours = ours["source"]
            if ours is not ABSENT:
                yield _row(entry, name, ours, value.get(name, ABSENT))


def _of_figures(config: dict, reference: dict, titles: dict) -> Iterator[dict]:
    methods = config["methods"]
    for figure in titles:
        asked = config["figures"].get(figure, {"runs": []})["runs"]
        entry = {"setting": "runs", "source": "ours", "runs": []} | reference.get(figure, {})
        ours, theirs = (_describe(grids) or NOT_ASKED_FOR for grids in (asked, entry["runs"]))
        if _combinations(asked, methods) == _combinations(entry["runs"], methods):
            ours = theirs
        if asked or entry["runs"]:
            yield _row(entry, titles[figure], ours, theirs if entry["runs"] else ABSENT)


def _set_by_figures(config: dict, reference: list[dict], titles: dict) -> Iterator[dict]:
    """List what holds for one figure alone (``set``), and seeds of single entries."""
    by_key = {entry["key"]: entry for entry in reference}
    for figure, asked in config["figures"].items():
        datasets = dict.fromkeys(run.dataset for run in figure_runs(config, figure))
        for key, value in asked.get("set", {}).items():
            alone = {"datasets": {name: {key: value} for name in datasets}}
            for row in _of_setting(alone, by_key[f"datasets.*.{key}"]):
                yield row | {"of": f"{titles[figure]} alone"}
        own = {to_text(grid["seeds"]) for grid in asked["runs"] if "seeds" in grid}
        if own:
            entry = {"setting": "seeds of some runs", "source": "assumption"}
            yield _row(entry, titles[figure], *["; ".join(sorted(own))] * 2)


def _row(entry: dict, of: str, ours: object, reference: object) -> dict:
    """Make a row; what the reference has not (ABSENT) is ours, and no deviation."""
    source = entry["source"] if isinstance(entry["source"], str) else entry["source"].get(of)
    if reference is ABSENT:
        reference, source, entry = ours, "ours", {"setting": entry["setting"]}
    return {
        "setting": entry["setting"],
        "of": title_of(of),
        "ours": to_text(ours),
        "reference": to_text(reference),
        "source": source if ours == reference else "deviation",
        **{key: entry.get(key) or "" for key in (*WORDS, "note")},
    }


def _find(settings: dict, path: str) -> object:
    value: object = settings
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return ABSENT
        value = value[key]
    return value


def _combinations(grids: list[dict], methods: dict) -> set[tuple]:
    """List all that is compared: data set, model, k, method, and K_P where the method is free."""
    fixed = {name for name, m in methods.items() if m["personalization_layers"] != "figure"}
    return {
        (*values[:-1], None if values[-2] in fixed else values[-1])
        for grid in grids
        for values in product(*(grid.get(key, [None]) for key in GRID))
    }


def _describe(grids: list[dict]) -> str:
    """Write what a figure compares, in as many parts as it has entries."""
    return " | ".join(
        "; ".join(
            prefix + ", ".join(title_of(name) for name in grid[key])
            for key, prefix in GRID.items()
            if key in grid
        )
        for grid in grids
    )


def title_of(name: str) -> str:
    """Write the title of a data set or a model, or else the name as it is."""
    known = (DATASETS | MODELS).get(name)
    return known.title if known else str(name)


def to_text(value: object) -> str:
    """Write a value of a configuration, for people."""
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(to_text, value))
    if isinstance(value, dict) and "when" in value:  # a test
        return Test.from_values(value).name
    if isinstance(value, dict):  # a phase of a method
        epochs = {"local": "e epochs", 1: "1 epoch"}.get(n := value["epochs"], f"{n} epochs")
        return f"{value['layers']} layers, {epochs}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _for_reading(frame: pd.DataFrame) -> pd.DataFrame:
    """Merge the names that share a setting, and leave out what is said twice."""
    keys = [column for column in COLUMNS if column != "of"]
    merged = frame.groupby(keys, sort=False)["of"].agg(", ".join).reset_index()
    same = merged["ours"] == merged["reference"]
    merged["full scale"] = merged["reference"].mask(same, "")
    return merged[["setting", "of", "ours", "source", "full scale", *WORDS, "note"]].rename(
        columns=WORDS
    )

"""The report: Typst source in ``paper/``, compiled with the results of a scale."""

import csv
import json
import os
from itertools import count
from pathlib import Path

import typst

from fedper.errors import InputError
from fedper.files import atomic, naming
from fedper.judge.readings import DATASET, effects_of
from fedper.names import DATASETS
from fedper.plan.experiments import (
    describe_all,
    describe_figure,
    describe_multiverse,
    describe_partition,
)

SECTIONS = {"moments": "what FedPer buys"}
"""Where the report shows a figure, by what draws it; all others are results."""


def list_figures(config: dict, figures: dict, captions: dict, folder: Path) -> list[dict]:
    """List the figures in ``folder`` that show a value: section, name, number, caption.

    Those of partitions come first; the multiverse and that of verdicts last. Their numbers are
    those of S1, S2, … that are free.

    Args:
        config: the configuration.
        figures: content of ``paper/figures.yaml``.
        captions: content of ``paper/captions.yaml``.
        folder: of the figures.
    """
    taken = {figure["number"] for figure in figures.values()}
    free = (f"S{n}" for n in count(1) if f"S{n}" not in taken)
    shown = [
        ("data", f"partition-{name}", number, captions[f"partition-{DATASETS[name].clients}"],
         describe_partition(config, name))
        for name, number in zip(DATASETS, free, strict=False)
        if name in config["datasets"]
    ]  # fmt: skip
    shown += [
        (SECTIONS.get(figure["draw"], "results"), name, figure["number"], figure["caption"],
         describe_figure(config, name))
        for name, figure in figures.items()
        if name in config["figures"]
    ]  # fmt: skip
    if effects_of(config):
        words = describe_multiverse(config, DATASET)
        shown.append(("readings", "multiverse", next(free), captions["multiverse"], words))
    words = describe_all(config)
    shown.append(("verdicts", "verdicts", next(free), captions["verdicts"], words))
    return [
        {"section": section, "name": name, "number": number, "caption": f"{caption} {note}."}
        for section, name, number, caption, note in shown
        if (folder / f"{name}.pdf").exists() and has_value(folder / f"{name}.csv")
    ]


def has_value(points: Path) -> bool:
    """Tell whether any of a figure's points has an accuracy; True for figures of something else."""
    if not points.exists():
        return True
    with naming(points), points.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return not rows or "accuracy" not in rows[0] or any(row["accuracy"] for row in rows)


def compile_report(source: Path, results: Path, figures: list[dict], out: Path) -> None:
    """Compile the report, the same bytes for the same results.

    Args:
        source: Typst file.
        results: folder with facts.json, claims.json, tables/ and figures/.
        figures: as of :func:`list_figures`.
        out: PDF to write.

    Raises:
        InputError: the compiler fails; with its first line.
    """
    source, results = source.resolve(), results.resolve()
    root = Path(os.path.commonpath([source, results]))
    inputs = {
        "results": f"/{results.relative_to(root).as_posix()}",
        "figures": json.dumps(figures),
    }
    with atomic(out) as temporary:
        try:
            typst.compile(
                str(source),
                output=str(temporary),
                root=str(root),
                ignore_system_fonts=True,
                sys_inputs=inputs,
                timestamp=0,
            )
        except (typst.TypstError, RuntimeError) as error:
            raise InputError(f"{source.name}: {str(error).splitlines()[0]}") from error

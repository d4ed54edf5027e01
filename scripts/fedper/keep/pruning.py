"""Files that a configuration does not ask for any more."""

import shutil
from pathlib import Path

from fedper.plan.experiments import all_runs
from fedper.plan.inputs import all_partitions

OTHER_FIGURES = ("verdicts", "multiverse")
"""Figures that no configuration names."""


def prune(config: dict, remove: bool) -> list[Path]:
    """List what :func:`not_asked_for` finds, and remove it if told to."""
    found = not_asked_for(config)
    if remove:
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


def not_asked_for(config: dict) -> list[Path]:
    """List what ``config`` does not name: runs, checkpoints, partitions, figures, prepared data."""
    scale = config["scale"]
    results, prepared = Path("results") / scale, Path("data/prepared") / scale
    partitions = all_partitions(config)
    data = [partition.data for partition in partitions.values()]
    figures = {*config["figures"], *OTHER_FIGURES, *(f"partition-{d}" for d in config["datasets"])}
    asked_for = {
        (results / "runs", "*"): set(all_runs(config)),
        (Path("checkpoints") / scale, "*"): set(all_runs(config)),
        (results / "partitions", "*.json"): set(partitions),
        (results / "figures", "*.*"): figures,
        (prepared, "*.*"): {name for one in data for name in (one.name, one.receipt)},
    }
    return sorted(
        path
        for (folder, pattern), names in asked_for.items()
        for path in folder.glob(pattern)
        if path.name.split(".")[0] not in names
    )

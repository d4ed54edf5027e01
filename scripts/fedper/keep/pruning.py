"""Runs, partitions and checkpoints that a configuration does not ask for any more."""

import shutil
from pathlib import Path

from fedper.plan.experiments import all_runs
from fedper.plan.inputs import all_partitions


def prune(config: dict, remove: bool) -> list[Path]:
    """List what :func:`not_asked_for` finds, and remove it if told to."""
    found = not_asked_for(config)
    if remove:
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


def not_asked_for(config: dict) -> list[Path]:
    """List folders of runs and of checkpoints, and partitions, that ``config`` does not name."""
    results, checkpoints = (Path(top) / config["scale"] for top in ("results", "checkpoints"))
    found = [*results.glob("runs/*"), *results.glob("partitions/*.json"), *checkpoints.glob("*")]
    drawn = {f"{name}.json" for name in all_partitions(config)}
    asked_for = drawn | set(all_runs(config))
    return sorted(path for path in found if path.name not in asked_for)

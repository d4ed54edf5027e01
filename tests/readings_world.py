"""Runs of a multiverse whose accuracies a test decides, as if they had been trained."""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import pandas as pd
import yaml
from conftest import REPOSITORY
from fedper.plan.universes import universes
from fedper.run import Run

Correct = Callable[[str, Run, str], list[int]]
"""From universe, run and test to the correct ones of 100 samples of each client."""


def tiny() -> dict:
    """Read the smallest configuration; its multiverse has two universes, at k = 4."""
    return yaml.safe_load((REPOSITORY / "tests/tiny.yaml").read_text())


def with_many_readings() -> dict:
    """Take the paper's scale, and so many universes that there are 25 readings of CIFAR-10."""
    config = yaml.safe_load((REPOSITORY / "config/paper.yaml").read_text())
    config["multiverse"]["runs"] = config["multiverse"]["runs"][:1]
    declared = config["multiverse"]["universes"]
    del declared["FLICKR-AES: 224 x 224 pixels"]
    config["datasets"]["cifar10"]["rounds"] = 2
    pairs = combinations([name for name, changes in declared.items() if len(changes) == 1], 2)
    for one, other in list(pairs)[: 25 - 5 - len(declared)]:
        declared[f"{one}, {other}"] = declared[one] | declared[other]
    return config


def write_runs(config: dict, folder: Path, correct: Correct) -> Path:
    """Write every run of every universe once, for the first that has it; only its last round."""
    for universe in universes(copy.deepcopy(config)):
        for run in universe.runs:
            if not (folder / run.name).exists():
                write_run(folder / run.name, run, lambda test: correct(universe.name, run, test))  # noqa: B023
    return folder


def write_run(folder: Path, run: Run, correct: Callable[[str], list[int]]) -> None:
    """Write what a run leaves; correct: by test, of 100 samples of each client."""
    folder.mkdir(parents=True)
    same = {"round": run.rounds, "samples": 100, "test_loss": 1.0, "train_loss": 1.0,
            "bytes_up": 1, "bytes_down": 1, "commonest": 20}  # fmt: skip
    rows = [
        {**same, "client": client, "test": test.name, "correct": value}
        for test in run.tests
        for client, value in enumerate(correct(test.name))
    ]
    pd.DataFrame(rows).to_csv(folder / "history.csv", index=False)
    (folder / "timing.csv").write_text("round,training_s,evaluation_s\n")
    (folder / "run.json").write_text(json.dumps({"name": run.name, "run": asdict(run)}))

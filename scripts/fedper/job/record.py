"""What a run leaves behind: history.csv, timing.csv and run.json."""

import csv
import hashlib
import io
import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from fedper.data.dataset import Dataset
from fedper.data.partition import Partition
from fedper.files import FILES_OF_A_RUN, is_whole_run, naming, remove_leftovers, write_text
from fedper.hashing import hash_file, hash_values
from fedper.job.machine import describe
from fedper.job.progress import Progress
from fedper.provenance import code_digest
from fedper.run import Run
from fedper.train.rounds import Rows

HISTORY_COLUMNS = {
    "round": "global round, from 1",
    "client": "number of the client, from 0",
    "test": "how it was tested, see fedper.algorithm.evaluate",
    "samples": "test samples of the client",
    "correct": "how many of them it predicts correctly",
    "balanced_accuracy": "mean, over the classes among them, of the share predicted correctly",
    "commonest": "how many of them have their commonest label: what always guessing that would get",
    "test_loss": "mean cross-entropy on them, in nats",
    "train_loss": "mean cross-entropy while training in this round, in nats",
    "bytes_up": "tensors that the client sent in this round",
    "bytes_down": "tensors that the client received in this round",
}

TIMING_COLUMNS = {
    "round": "global round, from 1",
    "training_s": "seconds for training and aggregation, and for fine-tuning where a run has it",
    "evaluation_s": "seconds for all tests",
    "checkpoint_s": "seconds for the checkpoint after the round; 0 where there is none",
}

SECONDS = ("training_s", "evaluation_s", "checkpoint_s")
"""The columns of timing.csv that sum up to a round."""


MACHINE_KEYS = ("device", "versions")
"""What :func:`machine` says."""


def machine(device: torch.device) -> dict:
    """Name the hardware and the libraries that a run computes with; last bits depend on them."""
    return {
        "device": describe(device),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
        },
    }


def note_machine(progress: Progress, device: torch.device) -> None:
    """Add this machine to those of a run, with its first round, unless it is the last already."""
    here = machine(device)
    if not progress.machines or {**progress.machines[-1], **here} != progress.machines[-1]:
        progress.machines.append({"from_round": progress.round + 1, **here})


def conditions(run: Run, dataset: Dataset, partition: Partition, device: torch.device) -> dict:
    """List all that a history depends on: settings, data, partition, code, machine, versions."""
    return {
        "run": asdict(run),
        "name": run.name,
        "data": dataset.provenance,
        "partition_sha256": hash_values(asdict(partition)),
        "code_sha256": code_digest(run.model),
        **machine(device),
    }


def was_trained(folder: Path, about: dict) -> bool:
    """Tell whether a folder has the whole run of these conditions, on whatever machine.

    about: as :func:`conditions` lists them. The other files have the hashes that run.json names.
    """
    if not is_whole_run(folder):
        return False
    try:
        with naming(folder / "run.json"):
            there = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        hashes = {name: hash_file(folder / name) for name in FILES_OF_A_RUN if name != "run.json"}
        wanted = json.loads(json.dumps(about))
        return hashes == there["sha256"] and all(
            there[key] == wanted[key] for key in wanted if key not in MACHINE_KEYS
        )
    except (ValueError, LookupError, TypeError):
        return False  # spoiled: trained again, which replaces it


def write_run(folder: Path, about: dict, history: Rows, timing: Rows) -> None:
    """Write all three files into ``folder``, each atomically, run.json last.

    about: for run.json, which also has the SHA-256 of the other two.
    """
    remove_leftovers(folder, "*")
    hashes = {}
    for name, rows, columns in (
        ("history.csv", history, HISTORY_COLUMNS),
        ("timing.csv", timing, TIMING_COLUMNS),
    ):
        text = _to_csv(rows, columns)
        hashes[name] = hashlib.sha256(text.encode()).hexdigest()
        write_text(folder / name, text)
    write_text(folder / "run.json", json.dumps({**about, "sha256": hashes}, indent=2) + "\n")


def _to_csv(rows: Rows, columns: Iterable[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[column] for column in columns] for row in rows)
    return text.getvalue()

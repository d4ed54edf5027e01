"""One run from prepared data to its history: set up server and clients, then go round by round."""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from fedper.checkpoint import Progress, load_latest, save
from fedper.concurrent import concurrent_round, make_slots
from fedper.data.dataset import Dataset, Split
from fedper.errors import InputError
from fedper.evaluate import Score, evaluate_round
from fedper.federated import (
    Client,
    Report,
    State,
    fine_tune_personal,
    initial_base,
    initial_personal,
    server_round,
)
from fedper.models import MODELS, with_linear_base
from fedper.partition import Partition
from fedper.record import conditions
from fedper.run import Run
from fedper.samples import DeviceSplit, Samples


def simulate(
    run: Run,
    dataset: Dataset,
    partition: Partition,
    device: torch.device,
    show: Callable[[str], None],
    concurrent_clients: int = 1,
    checkpoints: Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train one run on ``device``, and ``show`` a line a round.

    concurrent_clients: how many train at the same time, on CUDA; a CPU takes one after another.
    checkpoints: folder of this run alone, for a checkpoint a round; if there are some, the run
    goes on from the last. The caller locks it, and removes them once the history is written.

    Returns the history (columns as in ``record.HISTORY_COLUMNS``, one row for each round and
    client) and the timing (round, training_s, evaluation_s). A run whose loss is no finite number
    ends with that round. Raises InputError as :func:`set_up` and ``checkpoint.load_latest`` do.
    """
    model, base, clients = set_up(run, dataset, partition, device)
    progress, keep = Progress(0, base, clients, [], []), _forget
    if checkpoints is not None:
        drawn = json.dumps(asdict(partition)).encode()
        identity = conditions(run, dataset.provenance, device)
        identity["partition"] = hashlib.sha256(drawn).hexdigest()
        progress = load_latest(checkpoints, identity, progress, show)
        keep = partial(save, checkpoints, identity)
    train = partial(server_round, model)
    if device.type == "cuda" and concurrent_clients > 1:
        train = partial(concurrent_round, make_slots(model, clients, run, concurrent_clients))
    progress = play_rounds(run, model, train, progress, show, keep)
    return pd.DataFrame(progress.history), pd.DataFrame(progress.timing)


def _forget(progress: Progress) -> None:
    """Keep no checkpoint."""


def play_rounds(
    run: Run,
    model: nn.Sequential,
    train: Callable[..., tuple[State, list[Client], list[Report]]],
    progress: Progress,
    show: Callable[[str], None],
    keep: Callable[[Progress], None],
) -> Progress:
    """Go from where a run stands to its last round, or to the one in which it diverges.

    train: plays the training of one round, as ``federated.server_round``.  keep: is given where
    the run stands, after every round.
    """
    for round_ in range(progress.round + 1, run.rounds + 1):
        start = time.perf_counter()
        base, clients, reports = train(progress.base, progress.clients, round_, run)
        if run.personal_finetune_epochs:
            clients = [fine_tune_personal(model, base, client, round_, run) for client in clients]
        trained = time.perf_counter()
        scores = evaluate_round(model, base, clients, round_, run)
        end = time.perf_counter()

        rows = [_row(round_, r, s) for r, s in zip(reports, scores, strict=True)]
        taken = {"round": round_, "training_s": trained - start, "evaluation_s": end - trained}
        progress = Progress(
            round_, base, clients, [*progress.history, *rows], [*progress.timing, taken]
        )
        show(_progress_line(run, progress, scores))
        if diverged := _divergence(run, rows):
            show(diverged)
            break
        keep(progress)
    return progress


def set_up(
    run: Run, dataset: Dataset, partition: Partition, device: torch.device
) -> tuple[nn.Sequential, State, list[Client]]:
    """Build the model, the initial base W_B, and all clients with their data and initial W_P_j.

    Raises InputError if the partition was drawn for other settings, the model has fewer layers
    than K_P, or a client too few training samples for BatchNorm.
    """
    drawn_for = (partition.seed, partition.classes_per_client, len(partition.clients))
    if drawn_for != (run.seed, run.classes_per_client, run.n_clients):
        raise InputError(
            "the partition is for seed {}, classes_per_client {} and {} clients, "
            "but the run is not; draw the partition of this run".format(*drawn_for)
        )
    model = MODELS[run.model](dataset.n_classes, run.width, run.stem)
    if run.personalization_layers > len(model):
        raise InputError(
            f"personalization_layers: {run.personalization_layers}, "
            f"but {run.model} has only {len(model)} layers"
        )
    if run.base == "linear":
        image_size = dataset.train.images.shape[-2:]
        model = with_linear_base(model, run.personalization_layers, image_size)
    # Weights are drawn on the CPU, so they are the same on every device.
    model.to(memory_format=torch.channels_last)
    base = initial_base(model, run)
    train, test = (to_device(dataset, split, device) for split in (dataset.train, dataset.test))
    clients = [
        Client(
            number,
            train=Samples(train, torch.tensor(samples.train, device=device)),
            test=Samples(test, torch.tensor(samples.test, device=device)),
            personal=initial_personal(model, run, number),
        )
        for number, samples in enumerate(partition.clients)
    ]
    if min(len(client.train) for client in clients) < 2:
        raise InputError("a client has fewer than 2 training samples; give it more")
    return model.to(device), base, clients


def to_device(dataset: Dataset, split: Split, device: torch.device) -> DeviceSplit:
    """Put a whole split on ``device``, with the normalisation of the data set."""
    images = torch.from_numpy(split.images).permute(0, 2, 3, 1).contiguous()
    return DeviceSplit(
        images=images.to(device),
        labels=torch.from_numpy(split.labels).to(device),
        mean=torch.tensor(dataset.mean, dtype=torch.float32, device=device).view(1, 3, 1, 1),
        sd=torch.tensor(dataset.sd, dtype=torch.float32, device=device).view(1, 3, 1, 1),
    )


def _row(round_: int, report: Report, score: Score) -> dict:
    return {
        "round": round_,
        "client": score.client,
        "samples": score.n_samples,
        "correct": score.n_correct,
        "test_loss": score.loss,
        "train_loss": report.train_loss,
        "bytes_up": report.bytes_up,
        "bytes_down": report.bytes_down,
    }


def _progress_line(run: Run, progress: Progress, scores: list[Score]) -> str:
    accuracy = np.mean([score.n_correct / score.n_samples for score in scores])
    seconds = [row["training_s"] + row["evaluation_s"] for row in progress.timing]
    minutes, rest = divmod(round((run.rounds - progress.round) * np.mean(seconds)), 60)
    return (
        f"{run.name}: round {progress.round}/{run.rounds}, accuracy {accuracy:.3f}, "
        f"{seconds[-1]:.1f} s, {minutes}:{rest:02d} min left"
    )


def _divergence(run: Run, rows: list[dict]) -> str:
    """Say where a round's losses stop being finite numbers; empty if they all are."""
    for row in rows:
        for name in ("train_loss", "test_loss"):
            if not math.isfinite(row[name]):
                return (
                    f"{run.name}: diverged in round {row['round']}: {name} of client "
                    f"{row['client']} is {row[name]}, with learning rate {run.learning_rate:g}; "
                    "stopped, the history ends here"
                )
    return ""

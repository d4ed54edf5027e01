"""One run from prepared data to its history: set up server and clients, then go round by round."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import nn

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
from fedper.run import Run
from fedper.samples import Samples


def simulate(
    run: Run,
    dataset: Dataset,
    partition: Partition,
    device: torch.device,
    show: Callable[[str], None],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train one run on ``device``, and ``show`` a line a round.

    Returns the history (columns as in ``record.HISTORY_COLUMNS``, one row for each round and
    client) and the timing (round, training_s, evaluation_s). Raises InputError as
    :func:`set_up` does.
    """
    model, base, clients = set_up(run, dataset, partition, device)
    history: list[dict] = []
    timing: list[dict] = []
    for round_ in range(1, run.rounds + 1):
        start = time.perf_counter()
        base, clients, reports = server_round(model, base, clients, round_, run)
        if run.personal_finetune_epochs:
            clients = [fine_tune_personal(model, base, client, round_, run) for client in clients]
        trained = time.perf_counter()
        scores = evaluate_round(model, base, clients, round_, run)
        end = time.perf_counter()

        history += [_row(round_, r, s) for r, s in zip(reports, scores, strict=True)]
        timing.append(
            {"round": round_, "training_s": trained - start, "evaluation_s": end - trained}
        )
        show(_progress(run, round_, scores, timing))
    return pd.DataFrame(history), pd.DataFrame(timing)


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
    clients = [
        Client(
            number,
            train=to_samples(dataset, dataset.train, samples.train, device),
            test=to_samples(dataset, dataset.test, samples.test, device),
            personal=initial_personal(model, run, number),
        )
        for number, samples in enumerate(partition.clients)
    ]
    if min(len(client.train) for client in clients) < 2:
        raise InputError("a client has fewer than 2 training samples; give it more")
    return model.to(device), base, clients


def to_samples(dataset: Dataset, split: Split, rows: list[int], device: torch.device) -> Samples:
    """Put some rows of a split on ``device``, with the normalisation of the whole data set."""
    images = torch.from_numpy(split.images[rows])
    return Samples(
        images=images.to(device, memory_format=torch.channels_last),
        labels=torch.from_numpy(split.labels[rows]).to(device),
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


def _progress(run: Run, round_: int, scores: list[Score], timing: list[dict]) -> str:
    accuracy = np.mean([score.n_correct / score.n_samples for score in scores])
    seconds = [row["training_s"] + row["evaluation_s"] for row in timing]
    minutes, rest = divmod(round((run.rounds - round_) * np.mean(seconds)), 60)
    return (
        f"{run.name}: round {round_}/{run.rounds}, accuracy {accuracy:.3f}, "
        f"{seconds[-1]:.1f} s, {minutes}:{rest:02d} min left"
    )

"""One run from prepared data to its history: set up server and clients, then go round by round."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean

import torch
from torch import nn

from fedper.algorithm.federated import server_round, welcome_base
from fedper.algorithm.state import Client, Report, State
from fedper.data.dataset import Dataset
from fedper.data.partition import Partition
from fedper.run import Run
from fedper.train.checkpoint import load_latest, save
from fedper.train.concurrent import concurrent_round, concurrent_welcome
from fedper.train.device import moment, seconds_between
from fedper.train.examiner import Examiner, Score
from fedper.train.progress import Progress
from fedper.train.record import Rows, conditions
from fedper.train.set_up import set_up
from fedper.train.slots import make_slots


def simulate(
    run: Run,
    dataset: Dataset,
    partition: Partition,
    device: torch.device,
    show: Callable[[str], None],
    concurrent_clients: int = 1,
    checkpoints: Path | None = None,
) -> tuple[Rows, Rows]:
    """Train one run on ``device``, and ``show`` a line a round.

    concurrent_clients: how many train at the same time, on CUDA; a CPU takes one after another, and
    so does a run that carries momentum over.
    checkpoints: folder of this run alone, for a checkpoint a round; if there are some, the run
    goes on from the last. The caller locks it, and removes them once the history is written.

    Returns the history (a row for each round, client and test, with ``record.HISTORY_COLUMNS``) and
    the timing (a row for each round, with ``record.TIMING_COLUMNS``). A run whose training loss is
    no finite number ends with that round. Raises InputError as ``set_up`` and
    ``checkpoint.load_latest`` do.
    """
    model, progress = set_up(run, dataset, partition, device)
    keep = _forget
    if checkpoints is not None:
        drawn = json.dumps(asdict(partition)).encode()
        identity = conditions(run, dataset.provenance, device)
        identity["partition"] = hashlib.sha256(drawn).hexdigest()
        load_latest(checkpoints, identity, progress, show)
        keep = partial(save, checkpoints, identity)
    train, welcome = partial(server_round, model), partial(welcome_base, model)
    at_once = device.type == "cuda" and concurrent_clients > 1 and run.optimiser_state == "anew"
    if at_once and progress.round < run.rounds:
        slots = make_slots(model, progress.clients, run, concurrent_clients)
        train = partial(concurrent_round, slots)
        if run.method.new_base:
            welcome = partial(concurrent_welcome, slots)
    play_rounds(run, model, train, welcome, progress, show, keep)
    return progress.history, progress.timing


def _forget(progress: Progress) -> None:
    """Keep no checkpoint."""


def play_rounds(
    run: Run,
    model: nn.Sequential,
    train: Callable[..., tuple[State, list[Report]]],
    welcome: Callable[..., None],
    progress: Progress,
    show: Callable[[str], None],
    keep: Callable[[Progress], None],
) -> None:
    """Bring ``progress`` to a run's last round, or to the one in which it diverges.

    train, welcome: play the two parts of a round, as ``federated.server_round`` and
    ``federated.welcome_base``.  keep: is given where the run stands, after every round.
    """
    clients = progress.clients
    device = clients[0].train.rows.device
    for round_ in range(progress.round + 1, run.rounds + 1):
        start = moment(device)
        watch = Stopwatch(Examiner(round_, run), device)
        progress.base, reports = train(progress.base, clients, round_, run, watch)
        welcome(progress.base, clients, round_, run, watch)
        end = moment(device)

        losses = torch.stack([report.train_loss for report in reports]).tolist()
        scores = watch.examiner.scores()
        rows = [
            _row(round_, reports[score.client], losses[score.client], score) for score in scores
        ]
        progress.round = round_
        progress.history += rows
        evaluation_s = watch.seconds()
        training_s = seconds_between(start, end) - evaluation_s
        progress.timing.append(
            {"round": round_, "training_s": training_s, "evaluation_s": evaluation_s}
        )
        show(_progress_line(run, progress, rows))
        if diverged := _divergence(run, rows):
            show(diverged)
            break
        keep(progress)


class Stopwatch:
    """Calls an examiner, and sums up how long that takes."""

    def __init__(self, examiner: Examiner, device: torch.device) -> None:
        self.examiner = examiner
        self._device = device
        self._spans: list[tuple] = []

    def __call__(self, model: nn.Sequential, client: Client, when: str) -> None:
        """Test ``client``, as :data:`fedper.algorithm.federated.Examine`."""
        start = moment(self._device)
        self.examiner(model, client, when)
        self._spans.append((start, moment(self._device)))

    def seconds(self) -> float:
        """Return the seconds of all calls; wait for the last."""
        return sum(seconds_between(*span) for span in self._spans)


def _row(round_: int, report: Report, train_loss: float, score: Score) -> dict:
    return {
        "round": round_,
        "client": score.client,
        "test": score.test,
        "samples": score.n_samples,
        "correct": score.n_correct,
        "balanced_accuracy": score.balanced_accuracy,
        "commonest": score.n_commonest,
        "test_loss": score.loss,
        "train_loss": train_loss,
        "bytes_up": report.bytes_up,
        "bytes_down": report.bytes_down,
    }


def _progress_line(run: Run, progress: Progress, rows: list[dict]) -> str:
    tested = [row for row in rows if row["test"] == run.tests[0].name]
    accuracy = fmean(row["correct"] / row["samples"] for row in tested)
    seconds = [row["training_s"] + row["evaluation_s"] for row in progress.timing]
    minutes, rest = divmod(round((run.rounds - progress.round) * fmean(seconds)), 60)
    return (
        f"{run.name}: round {progress.round}/{run.rounds}, accuracy {accuracy:.3f}, "
        f"{seconds[-1]:.1f} s, {minutes}:{rest:02d} min left"
    )


def _divergence(run: Run, rows: list[dict]) -> str:
    """Say where a round's training losses stop being finite numbers; empty if they all are."""
    for row in rows:
        if not math.isfinite(row["train_loss"]):
            return (
                f"{run.name}: diverged in round {row['round']}: train_loss of client "
                f"{row['client']} is {row['train_loss']}, with learning rate "
                f"{run.learning_rate:g}; stopped, the history ends here"
            )
    return ""

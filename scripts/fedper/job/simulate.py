"""One run: from prepared data, or from its checkpoint, to its history."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import nn

from fedper.algorithm.federated import Examine
from fedper.algorithm.optimiser import Optimiser
from fedper.algorithm.state import Client
from fedper.data.dataset import Dataset
from fedper.data.partition import Partition
from fedper.exits import TryAgainError
from fedper.files import FILES_OF_A_RUN
from fedper.job.checkpoint import Checkpoints, kept_in
from fedper.job.limit import Limit
from fedper.job.machine import moment, seconds_between
from fedper.job.progress import Progress
from fedper.job.record import SECONDS, conditions, note_machine, was_trained, write_run
from fedper.run import Run
from fedper.train.device import set_up_device
from fedper.train.rounds import Rows, play_round
from fedper.train.set_up import set_up


@dataclass(frozen=True)
class Options:
    """How a run is trained, whatever it computes.

    Attributes:
        device: "auto", "cpu" or "cuda".
        checkpoint_seconds: least time between two checkpoints.
        elsewhere: whether a checkpoint of another machine is accepted.
    """

    device: str
    checkpoint_seconds: float
    elsewhere: bool


def train_run(
    run: Run,
    dataset: Dataset,
    partition: Partition,
    options: Options,
    limit: Limit,
    show: Callable[[str], None],
    out: Path,
    checkpoints: Path | None,
) -> None:
    """Train a run, from its checkpoint where there is one, and write its three files.

    A run that is there already, of the same settings, data, partition and code, is left as it is.

    Args:
        run: the settings.
        dataset: prepared.
        partition: of that data set, drawn for that run.
        options: how to train.
        limit: when to stop before the last round.
        show: is given a line after each round.
        out: folder for the files.
        checkpoints: folder for them, of this run alone; None: keep none.

    Raises:
        InputError: as ``set_up_device``, ``kept_in`` and ``simulate`` do.
        TryAgainError: the limit is reached, and the checkpoint is written.
    """
    device = set_up_device(options.device, run)
    about = conditions(run, dataset, partition, device)
    if was_trained(out, about):
        for name in FILES_OF_A_RUN:
            (out / name).touch()  # so that Snakemake finds them newer than data and partition
        show(f"{run.name}: {out} has this run, of the same data and code; remove it to train again")
        return
    with kept_in(checkpoints):
        kept = None
        if checkpoints is not None:
            kept = Checkpoints(checkpoints, about, options.checkpoint_seconds, options.elsewhere)
        progress = simulate(run, dataset, partition, device, show, kept, limit)
        about["machines"] = progress.machines
        write_run(out, about, progress.history, progress.timing)


def simulate(
    run: Run,
    dataset: Dataset,
    partition: Partition,
    device: torch.device,
    show: Callable[[str], None],
    checkpoints: Checkpoints | None = None,
    limit: Limit | None = None,
) -> Progress:
    """Train one run on ``device``, and ``show`` a line a round; return where it stands in the end.

    A run whose training loss is no finite number ends with that round.

    Args:
        run: the settings.
        dataset: prepared.
        partition: of that data set, drawn for that run.
        device: where to compute.
        show: is given a line after each round.
        checkpoints: where the run goes on from, and what it leaves; None: neither.
        limit: when to stop before the last round; None: never. Without checkpoints a run that stops
            is lost.

    Raises:
        InputError: as ``set_up`` and ``Checkpoints.load`` do.
        TryAgainError: the limit is reached, and the checkpoint is written.
    """
    model, base, clients = set_up(run, dataset, partition, device)
    progress = Progress(base, clients)
    del base  # so that the first round frees it
    if checkpoints is not None:
        checkpoints.load(progress, show)
    if progress.round < run.rounds:
        note_machine(progress, device)
    play_rounds(run, model, progress, show, checkpoints, limit)
    return progress


def play_rounds(
    run: Run,
    model: nn.Sequential,
    progress: Progress,
    show: Callable[[str], None],
    checkpoints: Checkpoints | None = None,
    limit: Limit | None = None,
) -> None:
    """Bring ``progress`` to a run's last round, or to the one in which it diverges."""
    limit = limit or Limit()
    optimiser = Optimiser(model, run)
    device = progress.clients[0].train.rows.device
    while progress.round < run.rounds:
        limit.begin_round()
        watch = Stopwatch(device)
        start = moment(device)
        progress.base, rows = play_round(
            model, progress.base, progress.clients, progress.round + 1, run, optimiser, watch.around
        )
        seconds = seconds_between(start, moment(device))
        progress.round += 1
        progress.history += rows
        tests = watch.seconds()
        progress.timing.append(
            {
                "round": progress.round,
                "training_s": seconds - tests,
                "evaluation_s": tests,
                "checkpoint_s": 0.0,
            }
        )
        diverged = _divergence(run, rows)
        ends = progress.round == run.rounds or bool(diverged)
        reached = "" if ends else limit.reached()
        if checkpoints is not None and not diverged:
            checkpoints.save(progress, now=ends or bool(reached))
        show(_progress_line(run, progress, rows))
        if diverged:
            show(diverged)
            break
        if reached:
            raise TryAgainError(
                f"{run.name}: stopped by {reached} after round {progress.round} of {run.rounds}; "
                "the same command goes on"
            )


class Stopwatch:
    """Sums up how long the calls of a function take that tests clients."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._spans: list[tuple] = []

    def around(self, examine: Examine) -> Examine:
        """Let ``examine`` be timed."""

        def timed(model: nn.Sequential, client: Client, when: str) -> None:
            start = moment(self._device)
            examine(model, client, when)
            self._spans.append((start, moment(self._device)))

        return timed

    def seconds(self) -> float:
        """Return the seconds of all calls; wait for the last."""
        return sum(seconds_between(*span) for span in self._spans)


def _progress_line(run: Run, progress: Progress, rows: Rows) -> str:
    tested = [row for row in rows if row["test"] == run.tests[0].name]
    accuracy = fmean(row["correct"] / row["samples"] for row in tested)
    seconds = [sum(row[name] for name in SECONDS) for row in progress.timing]
    minutes, rest = divmod(round((run.rounds - progress.round) * fmean(seconds)), 60)
    return (
        f"{run.name}: round {progress.round}/{run.rounds}, accuracy {accuracy:.3f}, "
        f"{seconds[-1]:.1f} s, {minutes}:{rest:02d} min left"
    )


def _divergence(run: Run, rows: Rows) -> str:
    """Say where a round's training losses stop being finite numbers; empty if they all are."""
    for row in rows:
        if not math.isfinite(row["train_loss"]):
            return (
                f"{run.name}: diverged in round {row['round']}: train_loss of client "
                f"{row['client']} is {row['train_loss']}, with learning rate "
                f"{run.learning_rate:g}; stopped, the history ends here"
            )
    return ""

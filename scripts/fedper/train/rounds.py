"""One global round of a run: training, aggregation, the tests that are due, and their rows."""

from collections.abc import Callable

import torch
from torch import nn

from fedper.algorithm.federated import Examine, server_round, welcome_base
from fedper.algorithm.optimiser import Optimiser
from fedper.algorithm.state import Client, Report, State
from fedper.run import Run
from fedper.train.examiner import Examiner, Score

Rows = list[dict[str, int | float | str]]
"""Rows of a table by the names of its columns."""


def play_round(
    model: nn.Sequential,
    base: State,
    clients: list[Client],
    round_: int,
    run: Run,
    optimiser: Optimiser,
    around: Callable[[Examine], Examine] = lambda examine: examine,
) -> tuple[State, Rows]:
    """Play round ``round_``; return the new W_B, and a row for each client and test.

    The arguments are those of :func:`fedper.algorithm.federated.server_round`. around: wraps what
    tests a client, for a stopwatch.
    """
    examiner = Examiner(round_, run, optimiser)
    examine = around(examiner)
    base, reports = server_round(model, base, clients, round_, run, examine, optimiser)
    welcome_base(model, base, clients, round_, run, examine, optimiser)
    losses = torch.stack([report.train_loss for report in reports]).tolist()
    rows = [
        _row(round_, reports[score.client], losses[score.client], score)
        for score in examiner.scores()
    ]
    return base, rows


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

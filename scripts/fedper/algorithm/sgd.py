"""Training on the samples of one client: what happens between two messages.

A client's part in a round is a list of phases (:class:`fedper.method.Phase`). Each is some epochs
over its samples, in which all layers are trained, or the base's or the personal ones alone.
Momentum starts from zero in every phase of every round, unless the run carries it over.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fedper.algorithm.optimiser import Optimiser
from fedper.algorithm.samples import Samples, draw_moves
from fedper.algorithm.state import State
from fedper.method import Phase
from fedper.randomness import seed_for
from fedper.run import Run

Batch = tuple[Tensor, Tensor | None]
"""Rows of the samples, int64 [B], and how the images are augmented, int64 [B, 3], or None."""


def train_phases(
    model: nn.Sequential,
    samples: Samples,
    phases: Sequence[Phase],
    generator: torch.Generator,
    run: Run,
    carried: State | None = None,
    optimiser: Optimiser | None = None,
) -> Tensor:
    """Train ``model`` in place, phase after phase; return the mean loss (float64 [], in nats).

    Args:
        model: in it are the weights to start from.
        samples: of the client that trains.
        phases: what is trained, and for how many epochs.
        generator: shuffles the samples.
        run: gives batch size, learning rate and the like.
        carried: momentum by the name of its parameter, to start from; it is replaced by what it is
            in the end. None: momentum starts from zero.
        optimiser: of this model; None makes one for this call.
    """
    model.train()
    optimiser = optimiser or Optimiser(model, run)
    total_loss = torch.zeros((), device=samples.rows.device)
    n_trained = 0
    for phase in phases:
        optimiser.start(phase.layers, carried)
        for rows, moves in draw_batches(samples, phase.epochs, generator, run):
            total_loss += optimiser.step(samples.split, rows, moves)
            n_trained += len(rows)
        if carried is not None:
            carried |= optimiser.state()
    model.zero_grad()
    model.requires_grad_(True)
    return total_loss.double() / n_trained


def batch_generator(run: Run, purpose: str, round_: int, client: int) -> torch.Generator:
    """Seed the order of a client's batches in a round, whoever trained before it."""
    return torch.Generator().manual_seed(seed_for(run.seed, purpose, round_, client))


def draw_batches(
    samples: Samples, epochs: int, generator: torch.Generator, run: Run
) -> list[Batch]:
    """List the batches of some epochs, each shuffled anew, on the samples' device.

    A last batch that the model cannot take is left out.
    """
    n = len(samples)
    sizes = [min(run.batch_size, n - first) for first in range(0, n, run.batch_size)]
    sizes = [size for size in sizes if size >= samples.smallest_batch]
    order = torch.cat([torch.randperm(n, generator=generator) for _ in range(epochs)])
    rows = samples.rows[_to_device_of(samples, order)]
    batches = [batch for epoch in rows.split(n) for batch in epoch[: sum(sizes)].split(sizes)]
    moves: Sequence[Tensor | None] = [None] * len(batches)
    if run.augmentation != "none":
        drawn = draw_moves(sum(sizes) * epochs, generator)
        moves = _to_device_of(samples, drawn).split(sizes * epochs)
    return list(zip(batches, moves, strict=True))


def _to_device_of(samples: Samples, drawn: Tensor) -> Tensor:
    if samples.rows.is_cuda:
        drawn = drawn.pin_memory()
    return drawn.to(samples.rows.device, non_blocking=True)

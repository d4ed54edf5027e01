"""SGD on the samples of one client: what happens between two messages.

A client's part in a round is a list of phases (:class:`fedper.method.Phase`), each some epochs over
its samples, in which all layers are trained, or the base's or the personal ones alone. Momentum
starts from zero in every phase of every round, unless the run carries it over.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.sgd import sgd

from fedper.algorithm.models import split
from fedper.algorithm.samples import DeviceSplit, Samples, draw_moves
from fedper.algorithm.state import State
from fedper.method import Method, Phase
from fedper.randomness import seed_for
from fedper.run import Run

Momentum = dict[nn.Parameter, Tensor]
"""The parameters that are trained, and the momentum of each."""


class Step(NamedTuple):
    """One step of SGD.

    layers: as in a Phase.  rows: int64 [B], the batch.  moves: int64 [B, 3], how its images are
    augmented, or None.  is_first: of its phase.
    """

    layers: str
    rows: Tensor
    moves: Tensor | None
    is_first: bool


def train_phases(
    model: nn.Sequential,
    samples: Samples,
    phases: Sequence[Phase],
    generator: torch.Generator,
    run: Run,
    carried: State | None = None,
) -> Tensor:
    """Train ``model`` in place, phase after phase; return the mean loss (float64 [], in nats).

    carried: momentum by the name of its parameter, to start from and to be left behind; None: zero.
    """
    model.train()
    momentum: Momentum = {}
    steps = draw_steps(samples, phases, generator, run)
    total_loss = torch.zeros((), device=samples.rows.device)
    for step in steps:
        if step.is_first:
            momentum = zero_momentum(model, run.method, step.layers)
            if carried is not None:
                carry_over(momentum, model, carried)
            freeze_all_but(model, momentum)
        total_loss += sgd_step(model, momentum, samples.split, step.rows, step.moves, run)
    model.zero_grad()
    model.requires_grad_(True)
    return total_loss.double() / sum(len(step.rows) for step in steps)


def batch_generator(run: Run, purpose: str, round_: int, client: int) -> torch.Generator:
    """Seed the order of a client's batches in a round, whoever trained before it."""
    return torch.Generator().manual_seed(seed_for(run.seed, purpose, round_, client))


def draw_steps(
    samples: Samples, phases: Sequence[Phase], generator: torch.Generator, run: Run
) -> list[Step]:
    """List the steps of all phases, every epoch shuffled anew; what is drawn goes to the device."""
    n, sizes, steps = len(samples), batch_sizes(samples, run.batch_size), []
    for phase in phases:
        order = torch.cat([torch.randperm(n, generator=generator) for _ in range(phase.epochs)])
        rows = samples.rows[_to_device_of(samples, order)]
        batches = [rows for epoch in rows.split(n) for rows in epoch[: sum(sizes)].split(sizes)]
        moves: Sequence[Tensor | None] = [None] * len(batches)
        if run.augmentation != "none":
            drawn = draw_moves(sum(map(len, batches)), generator)
            moves = _to_device_of(samples, drawn).split([len(rows) for rows in batches])
        for number, (rows, move) in enumerate(zip(batches, moves, strict=True)):
            steps.append(Step(phase.layers, rows, move, is_first=number == 0))
    return steps


def _to_device_of(samples: Samples, drawn: Tensor) -> Tensor:
    if samples.rows.is_cuda:
        drawn = drawn.pin_memory()
    return drawn.to(samples.rows.device, non_blocking=True)


def batch_sizes(samples: Samples, batch_size: int) -> list[int]:
    """List the sizes of an epoch's batches; a last one that the model cannot take is left out."""
    n = len(samples)
    sizes = [min(batch_size, n - first) for first in range(0, n, batch_size)]
    return [size for size in sizes if size >= samples.smallest_batch]


def zero_momentum(model: nn.Sequential, method: Method, layers: str) -> Momentum:
    """Return zeros for each parameter of ``layers``: "all", "base" or "personal"."""
    base, personal = split(model, method)
    chosen = {"all": model, "base": base, "personal": personal}[layers]
    return {parameter: torch.zeros_like(parameter) for parameter in chosen.parameters()}


def carry_over(momentum: Momentum, model: nn.Module, carried: State) -> None:
    """Start from ``carried`` momentum where there is some, and let ``carried`` follow this one."""
    for name, parameter in model.named_parameters():
        if parameter in momentum:
            if name in carried:
                momentum[parameter].copy_(carried[name])
            carried[name] = momentum[parameter]


def freeze_all_but(model: nn.Module, momentum: Momentum) -> None:
    """Let no other parameters require a gradient; their BatchNorm goes on as in training."""
    for parameter in model.parameters():
        parameter.requires_grad_(parameter in momentum)


def sgd_step(
    model: nn.Module,
    momentum: Momentum,
    split: DeviceSplit,
    rows: Tensor,
    moves: Tensor | None,
    run: Run,
) -> Tensor:
    """Take one step on one batch; return its loss in nats, summed over the batch (float32 []).

    Changes the parameters in ``momentum``, and their momentum, in place; all others are frozen.
    PyTorch's function is called instead of its class, which loads PyTorch's compiler: 0.8 s and
    160 MB a process.
    """
    images, labels = split.batch(rows, moves)
    with autocast(run, rows.device):
        loss = cross_entropy(model(images), labels)
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        sgd(
            list(momentum),
            [parameter.grad for parameter in momentum],
            list(momentum.values()),
            fused=True,
            lr=run.learning_rate,
            momentum=run.momentum,
            weight_decay=run.weight_decay,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
    return loss.detach() * len(rows)


def autocast(run: Run, device: torch.device) -> torch.autocast:
    """Return the context in which a forward pass has the run's precision.

    With "bfloat16" PyTorch chooses, operation by operation, what is computed in it and what stays
    float32. Casts are not cached, because a captured CUDA graph must make its own.
    """
    enabled = run.precision == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled, cache_enabled=False)

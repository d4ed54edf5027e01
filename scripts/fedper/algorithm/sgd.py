"""SGD on the samples of one client: what happens between two messages.

A client's part in a round is a list of phases (:class:`fedper.run.Phase`), each some epochs over
its samples, in which all layers are trained, or the base's or the personal ones alone. Momentum
starts from zero in every phase; the paper is silent on that.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.sgd import sgd

from fedper.algorithm.models import split
from fedper.algorithm.samples import DeviceSplit, Samples
from fedper.randomness import seed_for
from fedper.run import Method, Phase, Run

Momentum = dict[nn.Parameter, Tensor]
"""The parameters that are trained, and the momentum of each."""


class Step(NamedTuple):
    """One step of SGD.

    layers: as in a Phase.  rows: int64 [B], the batch.  is_first: of its phase.
    """

    layers: str
    rows: Tensor
    is_first: bool


def train_phases(
    model: nn.Sequential,
    samples: Samples,
    phases: Sequence[Phase],
    generator: torch.Generator,
    run: Run,
) -> Tensor:
    """Train ``model`` in place, phase after phase; return the mean loss (float64 [], in nats)."""
    model.train()
    momentum: Momentum = {}
    steps = draw_steps(samples, phases, generator, run.batch_size)
    total_loss = torch.zeros((), device=samples.rows.device)
    for layers, rows, is_first in steps:
        if is_first:
            momentum = zero_momentum(model, run.method, layers)
            freeze_all_but(model, momentum)
        total_loss += sgd_step(model, momentum, samples.split, rows, run)
    model.zero_grad()
    model.requires_grad_(True)
    return total_loss.double() / sum(len(step.rows) for step in steps)


def batch_generator(run: Run, purpose: str, round_: int, client: int) -> torch.Generator:
    """Seed the order of a client's batches in a round, whoever trained before it."""
    return torch.Generator().manual_seed(seed_for(run.seed, purpose, round_, client))


def draw_steps(
    samples: Samples, phases: Sequence[Phase], generator: torch.Generator, batch_size: int
) -> list[Step]:
    """List the steps of all phases; their rows go to the device at once, phase by phase."""
    return [
        Step(phase.layers, rows, is_first=number == 0)
        for phase in phases
        for number, rows in enumerate(draw_batches(samples, phase.epochs, generator, batch_size))
    ]


def draw_batches(
    samples: Samples, epochs: int, generator: torch.Generator, batch_size: int
) -> list[Tensor]:
    """List the rows (int64 [B]) of each step; every epoch is shuffled anew."""
    n, sizes = len(samples), batch_sizes(len(samples), batch_size)
    order = torch.cat([torch.randperm(n, generator=generator) for _ in range(epochs)])
    if samples.rows.is_cuda:
        order = order.pin_memory()
    rows = samples.rows[order.to(samples.rows.device, non_blocking=True)]
    return [batch for epoch in rows.split(n) for batch in epoch[: sum(sizes)].split(sizes)]


def batch_sizes(n_samples: int, batch_size: int) -> list[int]:
    """List the sizes of an epoch's batches.

    A last batch of a single sample is left out, because BatchNorm cannot use it.
    """
    sizes = [min(batch_size, n_samples - first) for first in range(0, n_samples, batch_size)]
    return [size for size in sizes if size > 1]


def zero_momentum(model: nn.Sequential, method: Method, layers: str) -> Momentum:
    """Return zeros for each parameter of ``layers``: "all", "base" or "personal"."""
    base, personal = split(model, method)
    chosen = {"all": model, "base": base, "personal": personal}[layers]
    return {parameter: torch.zeros_like(parameter) for parameter in chosen.parameters()}


def freeze_all_but(model: nn.Module, momentum: Momentum) -> None:
    """Let no other parameters require a gradient; their BatchNorm goes on as in training."""
    for parameter in model.parameters():
        parameter.requires_grad_(parameter in momentum)


def sgd_step(
    model: nn.Module, momentum: Momentum, split: DeviceSplit, rows: Tensor, run: Run
) -> Tensor:
    """Take one step on one batch; return its loss in nats, summed over the batch (float32 []).

    Changes the parameters in ``momentum``, and their momentum, in place; all others are frozen.
    PyTorch's function is called instead of its class, which loads PyTorch's compiler: 0.8 s and
    160 MB a process.
    """
    images, labels = split.batch(rows)
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

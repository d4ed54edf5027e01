"""SGD on the samples of one client: what happens between two messages.

Momentum starts from zero in every round; the paper is silent on that.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.sgd import sgd

from fedper.train.device import autocast
from fedper.randomness import seed_for
from fedper.run import Run
from fedper.algorithm.samples import DeviceSplit, Samples

Momentum = dict[nn.Parameter, Tensor]
"""The parameters that are trained, and the momentum of each."""


def local_sgd(
    model: nn.Module, samples: Samples, epochs: int, generator: torch.Generator, run: Run
) -> Tensor:
    """Train ``model`` in place on shuffled batches; return the mean loss (float64 []).

    Only parameters that require a gradient change.
    """
    model.train()
    momentum = zero_momentum(model)
    batches = draw_batches(samples, epochs, generator, run.batch_size)
    total_loss = torch.zeros((), device=samples.rows.device)
    for rows in batches:
        total_loss += sgd_step(model, momentum, samples.split, rows, run)
    forget_gradients(momentum)
    return total_loss.double() / sum(map(len, batches))


def batch_generator(run: Run, purpose: str, round_: int, client: int) -> torch.Generator:
    """Seed the order of a client's batches in a round, whoever trained before it."""
    return torch.Generator().manual_seed(seed_for(run.seed, purpose, round_, client))


def draw_batches(
    samples: Samples, epochs: int, generator: torch.Generator, batch_size: int
) -> list[Tensor]:
    """List the rows (int64 [B]) of each step; every epoch is shuffled anew.

    They go to the device at once.
    """
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


def zero_momentum(model: nn.Module) -> Momentum:
    """Return zeros for each parameter of ``model`` that requires a gradient."""
    return {p: torch.zeros_like(p) for p in model.parameters() if p.requires_grad}


def sgd_step(
    model: nn.Module, momentum: Momentum, split: DeviceSplit, rows: Tensor, run: Run
) -> Tensor:
    """Take one step on one batch; return its loss in nats, summed over the batch (float32 []).

    Changes the parameters in ``momentum``, and their momentum, in place. PyTorch's function is
    called instead of its class, which loads PyTorch's compiler: 0.8 s and 160 MB a process.
    """
    images, labels = split.batch(rows)
    with autocast(run, rows.device):
        loss = cross_entropy(model(images), labels)
    forget_gradients(momentum)
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


def forget_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Free the memory of the gradients; ``backward`` makes new ones."""
    for parameter in parameters:
        parameter.grad = None

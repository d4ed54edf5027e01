"""Test accuracy of each client, and what BatchNorm uses while it is measured.

Averaging the weights of clients that have drifted apart shrinks activations, so the averaged
running statistics fit nobody and a model that has learnt can score at chance. The setting
``batchnorm_statistics`` therefore names what is used; the paper does not say what it used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fedper.algorithm.federated import load_layers
from fedper.algorithm.samples import Samples
from fedper.algorithm.sgd import autocast, batch_generator, train_phases
from fedper.algorithm.state import Client, State
from fedper.run import Run


@dataclass(frozen=True)
class Score:
    """How one client's model does on its own test samples; loss is a mean in nats."""

    client: int
    n_samples: int
    n_correct: int
    loss: float


def evaluate_round(
    model: nn.Sequential, base: State, clients: list[Client], round_: int, run: Run
) -> list[Score]:
    """Evaluate every client with the new base W_B and its own W_P_j on its own test samples."""
    scored = [evaluate_client(model, base, client, round_, run) for client in clients]
    return [
        Score(client.number, len(client.test), int(n_correct), loss)
        for client, (n_correct, loss) in zip(clients, torch.stack(scored).tolist(), strict=True)
    ]


def evaluate_client(
    model: nn.Sequential, base: State, client: Client, round_: int, run: Run
) -> Tensor:
    """Put (W_B, W_P_j) into ``model`` and :func:`score` it; BatchNorm as its setting says:

    "reestimated"  one forward pass over the client's own training images (no weight changes, no
                   test image is looked at);
    "averaged"     as the server averaged them with the base;
    "own"          as the client's last local training left them.

    Where the method trains before a test (FedAvg with local fine-tuning), the client does that
    first, on its own training samples, and forgets it afterwards.
    """
    own = client.base_statistics if run.batchnorm_statistics == "own" else {}
    load_layers(model, base | own, client, run)
    phases = run.method.before_test
    with unchanged(model, weights=bool(phases)):
        if phases:
            generator = batch_generator(run, "evaluation batches", round_, client.number)
            train_phases(model, client.train, phases, generator, run)
        if run.batchnorm_statistics == "reestimated":
            reestimate_statistics(model, client.train, run)
        return score(model, client.test, run)


@torch.no_grad()
def reestimate_statistics(model: nn.Module, samples: Samples, run: Run) -> None:
    """Replace all BatchNorm statistics by those of ``samples``, averaged over equal chunks.

    What ``torch.optim.swa_utils.update_bn`` does; but that reads a counter of every layer for
    every chunk from the device, and so waits for it each time.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    model.train()
    for n_chunks, rows in enumerate(samples.chunks(run.evaluation_batch_size), start=1):
        for norm in norms:
            norm.momentum = 1 / n_chunks  # the mean of all chunks so far
        images, _ = samples.split.batch(rows)
        with autocast(run, rows.device):
            model(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@torch.no_grad()
def score(model: nn.Module, samples: Samples, run: Run) -> Tensor:
    """Count correct predictions and average the cross-entropy in nats, in evaluation mode.

    Returns both as float64 [2], still on the device, so that nobody waits for them.
    """
    model.eval()
    n_correct = torch.zeros((), dtype=torch.int64, device=samples.rows.device)
    total_loss = torch.zeros((), device=samples.rows.device)
    for rows in samples.chunks(run.evaluation_batch_size):
        images, labels = samples.split.batch(rows)
        with autocast(run, rows.device):
            outputs = model(images)
            total_loss += cross_entropy(outputs, labels, reduction="sum")
        n_correct += (outputs.argmax(dim=1) == labels).sum()
    return torch.stack([n_correct.double(), total_loss.double() / len(samples)])


@contextmanager
def unchanged(model: nn.Module, weights: bool) -> Iterator[None]:
    """Restore buffers and mode of ``model`` afterwards, and its ``weights`` if they will change."""
    mode = model.training
    tensors = list(model.state_dict().values() if weights else model.buffers())
    before = [tensor.clone() for tensor in tensors]
    try:
        yield
    finally:
        for tensor, value in zip(tensors, before, strict=True):
            tensor.copy_(value)
        model.train(mode)

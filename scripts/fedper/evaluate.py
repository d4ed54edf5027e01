"""Test accuracy of each client, and what BatchNorm uses while it is measured.

Averaging the weights of clients that have drifted apart shrinks activations, so the averaged
running statistics fit nobody and a model that has learnt can score at chance. The setting
``batchnorm_statistics`` therefore names what is used; the paper does not say what it used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn

from fedper.federated import Client, State, load_layers, local_sgd, snapshot
from fedper.randomness import seed_for
from fedper.run import Run
from fedper.samples import Samples


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
    return [evaluate_client(model, base, client, round_, run) for client in clients]


def evaluate_client(
    model: nn.Sequential, base: State, client: Client, round_: int, run: Run
) -> Score:
    """Put (W_B, W_P_j) into ``model`` and score it; BatchNorm as ``run.batchnorm_statistics``:

    "reestimated"  one forward pass over the client's own training images (no weight changes, no
                   test image is looked at);
    "averaged"     as the server averaged them with the base;
    "own"          as the client's last local training left them.

    With ``run.evaluation_finetune_epochs`` the client first trains all layers on its own samples
    for so long, and forgets that afterwards; with K_P = 0 that is FedAvg with local fine-tuning.
    """
    base_layers, _ = load_layers(model, base, client, run)
    if run.batchnorm_statistics == "own":
        base_layers.load_state_dict(client.base_statistics, strict=False)
    with unchanged(model, weights=run.evaluation_finetune_epochs > 0):
        if run.evaluation_finetune_epochs:
            seed = seed_for(run.seed, "evaluation batches", round_, client.number)
            generator = torch.Generator().manual_seed(seed)
            local_sgd(model, client.train, run.evaluation_finetune_epochs, generator, run)
        if run.batchnorm_statistics == "reestimated":
            reestimate_statistics(model, client.train, run.evaluation_batch_size)
        n_correct, loss = score(model, client.test, run.evaluation_batch_size)
    return Score(client.number, len(client.test), n_correct, loss)


def reestimate_statistics(model: nn.Module, samples: Samples, batch_size: int) -> None:
    """Replace all BatchNorm statistics by those of ``samples``, averaged over equal chunks."""
    update_bn((samples.batch(chunk) for chunk in samples.chunks(batch_size)), model)


@torch.no_grad()
def score(model: nn.Module, samples: Samples, batch_size: int) -> tuple[int, float]:
    """Count correct predictions and average the cross-entropy, in evaluation mode."""
    model.eval()
    n_correct = torch.zeros((), dtype=torch.int64, device=samples.labels.device)
    total_loss = torch.zeros((), device=samples.labels.device)
    for chunk in samples.chunks(batch_size):
        images, labels = samples.batch(chunk)
        outputs = model(images)
        n_correct += (outputs.argmax(dim=1) == labels).sum()
        total_loss += cross_entropy(outputs, labels, reduction="sum")
    return int(n_correct), float(total_loss) / len(samples)


@contextmanager
def unchanged(model: nn.Module, weights: bool) -> Iterator[None]:
    """Restore buffers and mode of ``model`` afterwards, and its ``weights`` if they will change."""
    mode = model.training
    before = snapshot(model) if weights else {n: b.clone() for n, b in model.named_buffers()}
    try:
        yield
    finally:
        model.load_state_dict(before, strict=weights)
        model.train(mode)

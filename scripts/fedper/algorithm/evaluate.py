"""Testing clients on their own test samples, in every way that a run names.

Averaging the weights of clients that have drifted apart shrinks activations. Then the averaged
running statistics fit nobody, and a model that has learnt can score at chance. So the result
depends on what BatchNorm uses in a test, and on the moment of the test. One run measures several
:class:`fedper.method.Test`; BatchNorm uses in them:

"averaged"     evaluation mode, with the running statistics that the model then has: of the base
               the averaged ones, or what fine-tuning made of them (the authors' CIFAR)
"reestimated"  one forward pass over the client's own training images sets all statistics (no
               weight changes, no test image is looked at)
"own"          the base's statistics as the client's last local training left them
"test batch"   training mode, with the statistics of each test batch of b images (the authors'
               FLICKR-AES); the running statistics stay
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fedper.algorithm.optimiser import autocast
from fedper.algorithm.samples import Samples
from fedper.algorithm.state import Client
from fedper.algorithm.weights import restore, snapshot
from fedper.method import Test
from fedper.run import Run


def measure(model: nn.Sequential, client: Client, test: Test, run: Run) -> Tensor:
    """Set BatchNorm as ``test`` says and :func:`score` the model, which it changes."""
    if test.batchnorm == "test batch":
        return score(model.train(), client.test, client.test.batches(run.batch_size), run)
    if test.batchnorm == "own":
        own = model.state_dict()
        for name, value in client.base_statistics.items():
            own[name].copy_(value)
    elif test.batchnorm == "reestimated":
        reestimate_statistics(model, client.train, run)
    return score(model.eval(), client.test, client.test.chunks(run.evaluation_batch_size), run)


@torch.no_grad()
def reestimate_statistics(model: nn.Module, samples: Samples, run: Run) -> None:
    """Replace all BatchNorm statistics by those of ``samples``, averaged over equal chunks.

    ``torch.optim.swa_utils.update_bn`` does the same, but it waits for the device at every layer
    and chunk, to read a counter.
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
def score(model: nn.Module, samples: Samples, batches: list[Tensor], run: Run) -> Tensor:
    """Predict the samples of ``batches`` (rows, int64 [B]), in the model's present mode.

    Returns float64 [4], still on the device:
        the number of correct predictions;
        the balanced accuracy: mean, over the classes that occur, of the share predicted correctly;
        the number of samples with the commonest label, which always guessing it would get;
        the loss, a mean in nats.
    """
    hits, classes, total_loss = [], [], torch.zeros((), device=samples.rows.device)
    for rows in batches:
        images, labels = samples.split.batch(rows)
        with autocast(run, rows.device):
            outputs = model(images)
            total_loss += cross_entropy(outputs, labels, reduction="sum")
        hits.append(outputs.argmax(dim=1) == labels)
        classes.append(labels[:, None] == torch.arange(outputs.shape[1], device=rows.device))
    hit, of_class = torch.cat(hits).double(), torch.cat(classes).double()  # [n], [n, C]
    n_of_class = of_class.sum(0)
    recall = (hit @ of_class) / n_of_class.clamp(min=1)
    balanced = recall.sum() / (n_of_class > 0).sum()
    return torch.stack([hit.sum(), balanced, n_of_class.max(), total_loss.double() / len(samples)])


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Restore the mode, the weights and the buffers of ``model`` afterwards."""
    mode, before = model.training, snapshot(model)
    try:
        yield
    finally:
        restore(model, before)
        model.train(mode)

"""What a client of flower_app.py does, in plain PyTorch; nothing here needs Flower.

As in Flower's own examples, what is learnt stands apart from the app. Weights are drawn and batches
shuffled as our engine does it, so both sides train the same models on the same batches.
"""

from functools import cache
from pathlib import Path

import torch
from fedper.algorithm.models import build_model, split
from fedper.algorithm.weights import initial_base, initial_personal, restore
from fedper.data.dataset import Dataset
from fedper.data.partition import Partition
from fedper.data.stored import load_dataset, read_partition
from fedper.randomness import seed_for
from fedper.run import Run
from fedper.train.set_up import on_device
from round_vs_loop import with_plain_convolutions
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn

CPU = torch.device("cpu")

LAYOUTS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}
"""How images and weights lie in memory.

"default" is what PyTorch does unless told otherwise, and then convolutions are PyTorch's too, as an
ordinary user has them; with "channels_last" model and layout are the engine's.
"""


@cache
def read_inputs(data: str, partition: str) -> tuple[Dataset, Partition]:
    """Read data set and partition, once a process."""
    return load_dataset(Path(data)), read_partition(Path(partition))


def load_images(
    dataset: Dataset, split_: str, rows: list[int], run: Run, layout: str
) -> tuple[Tensor, ...]:
    """Take some rows of a split: normalised images float32 [n, 3, H, W], labels int64 [n]."""
    part = dataset.train if split_ == "train" else dataset.test
    images, labels = on_device(dataset, part, run.pixels, CPU).batch(torch.tensor(rows))
    return images.contiguous(memory_format=LAYOUTS[layout]), labels


def build(run: Run, n_classes: int, client: int, layout: str) -> nn.Sequential:
    """Build the model with the initial base and the initial personalization layers of a client."""
    model = build_model(run.model, n_classes, run.width, run.stem)
    model.to(memory_format=torch.channels_last)  # the engine's, which decides what is drawn where
    base, personal = split(model, run.method)
    restore(base, initial_base(model, run))
    restore(personal, initial_personal(model, run, client))
    if layout == "default":
        with_plain_convolutions(model)
    return model.to(memory_format=LAYOUTS[layout])


def train(
    model: nn.Module, images: Tensor, labels: Tensor, round_: int, client: int, run: Run
) -> float:
    """Train with SGD on shuffled batches, momentum from zero; return the mean loss in nats."""
    key = seed_for(run.seed, "batches", round_, client)
    generator = torch.Generator().manual_seed(key)
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=run.learning_rate,
        momentum=run.momentum,
        weight_decay=run.weight_decay,
        fused=True,
    )
    model.train()
    total, n = 0.0, 0
    for _ in range(run.method.train[0].epochs):
        for index in torch.randperm(len(labels), generator=generator).split(run.batch_size):
            if len(index) == 1:  # BatchNorm cannot use it
                continue
            optimiser.zero_grad()
            loss = cross_entropy(model(images[index]), labels[index])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(index)
            n += len(index)
    return total / n


def reestimate(model: nn.Module, images: Tensor, batch_size: int) -> None:
    """Replace all BatchNorm statistics by those of ``images``."""
    update_bn(chunks(images, batch_size), model)


@torch.no_grad()
def count_correct(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int) -> int:
    """Count correct predictions, in evaluation mode."""
    model.eval()
    predicted = torch.cat([model(chunk).argmax(dim=1) for chunk in chunks(images, batch_size)])
    return int((predicted == labels).sum())


def chunks(images: Tensor, size: int) -> tuple[Tensor, ...]:
    """Cut images into chunks of at most ``size`` that differ by one."""
    return images.tensor_split(-(-len(images) // size))

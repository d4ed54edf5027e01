"""The authors' protocol in plain PyTorch, to hold the engine against: written from the facts known of their code.

It imports nothing of fedper. Every client keeps a whole network of its own, and the server's base is a state
dictionary; what is slow about that does not matter here.

One deliberate difference: for FLICKR-AES the authors' code never leaves training mode, so testing also moves
BatchNorm's running statistics. Here a test changes nothing (it is made on a copy of the network).

Layers are the children of one nn.Sequential: stem, basic blocks, head (pooling and classifier). The last K_P of
them are personal, so K_P = 1 is the classifier alone, and each step more adds the next basic block below.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

MOBILENET = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
"""Channels and stride of the 13 depthwise-separable blocks."""
RESNET34 = [(64, 3), (128, 4), (256, 6), (512, 3)]
"""Channels and number of basic blocks of the four stages; each stage but the first halves the map."""

Batches = list[Tensor]
Order = Callable[[int, int, str], Batches]
"""(round from 1, client from 0, "training" or "fine-tuning") -> the rows of each batch, of all epochs in turn."""


def stem(channels: int) -> nn.Sequential:
    """Three planes to `channels`, the map as large as the image: 3 x 3, stride 1, no pooling."""
    convolution = nn.Conv2d(3, channels, 3, stride=1, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())


def head(channels: int, n_classes: int) -> nn.Sequential:
    """Average pooling over the whole map, and the classifier."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, n_classes))


class DepthwiseSeparable(nn.Module):
    """A 3 x 3 convolution of each channel by itself, then a 1 x 1 convolution over the channels."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(n_in, n_in, 3, stride=stride, padding=1, groups=n_in, bias=False)
        self.norm1 = nn.BatchNorm2d(n_in)
        self.pointwise = nn.Conv2d(n_in, n_out, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.depthwise(x)))
        return torch.relu(self.norm2(self.pointwise(x)))


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, which is a 1 x 1 convolution where the shape changes."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def mobilenet_v1(n_classes: int, width: float = 1.0) -> nn.Sequential:
    """MobileNet-v1 for 32 x 32 pixels: 15 layers, the last map 2 x 2."""
    n_in = int(32 * width)
    layers: list[nn.Module] = [stem(n_in)]
    for channels, stride in MOBILENET:
        layers.append(DepthwiseSeparable(n_in, int(channels * width), stride))
        n_in = int(channels * width)
    return nn.Sequential(*layers, head(n_in, n_classes))


def resnet34(n_classes: int, width: float = 1.0) -> nn.Sequential:
    """ResNet-34 for 32 x 32 pixels: 18 layers, the last map 4 x 4."""
    n_in = int(64 * width)
    layers: list[nn.Module] = [stem(n_in)]
    for stage, (channels, n_blocks) in enumerate(RESNET34):
        for block in range(n_blocks):
            layers.append(Residual(n_in, int(channels * width), 2 if stage > 0 and block == 0 else 1))
            n_in = int(channels * width)
    return nn.Sequential(*layers, head(n_in, n_classes))


@dataclass(frozen=True)
class Client:
    """One client's images, floating point [n, 3, height, width], pixels as the network takes them, and labels [n]."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@dataclass(frozen=True)
class Settings:
    """What a run of the protocol depends on, beside data, network and order.

    `test_batch` is None for CIFAR (tests in evaluation mode); for FLICKR-AES the number of images whose statistics
    BatchNorm takes in a test. `fine_tuning`: the personal part is trained on after each aggregation.
    """

    n_rounds: int
    n_personal: int
    learning_rate: float
    momentum: float
    fine_tuning: bool
    test_batch: int | None


@dataclass(frozen=True)
class Tested:
    """One test of a client's network: how many images it got right, of how many, and by how little at the closest.

    `margin` is the smallest difference between the two largest outputs for one image.
    """

    n_correct: int
    n_images: int
    margin: float


def train(network: nn.Module, weights: list[nn.Parameter], client: Client, batches: Batches, run: Settings) -> None:
    """SGD over `weights`, made anew; the network is in training mode, so all its running statistics move."""
    network.train()
    optimiser = torch.optim.SGD(weights, lr=run.learning_rate, momentum=run.momentum)
    for rows in batches:
        optimiser.zero_grad()
        functional.cross_entropy(network(client.train_images[rows]), client.train_labels[rows]).backward()
        optimiser.step()


@torch.no_grad()
def test(network: nn.Module, client: Client, test_batch: int | None) -> Tested:
    """Test on the client's own test images, in their order; a copy is tested, so nothing changes."""
    tested = copy.deepcopy(network).train(test_batch is not None)
    outputs = torch.cat([tested(images) for images in client.test_images.split(test_batch or 500)])
    highest = outputs.topk(2, dim=1).values
    n_correct = int((outputs.argmax(dim=1) == client.test_labels).sum())
    return Tested(n_correct, len(outputs), float((highest[:, 0] - highest[:, 1]).min()))


def average(states: list[dict[str, Tensor]], n_samples: list[int]) -> dict[str, Tensor]:
    """Mean of the clients' states weighted by their numbers of samples; a counter is rounded."""
    total = sum(n_samples)
    mean = {}
    for name, first in states[0].items():
        terms = [state[name].double() * (n / total) for state, n in zip(states, n_samples, strict=True)]
        value = torch.stack(terms).sum(dim=0)
        mean[name] = (value if first.is_floating_point() else value.round()).to(first.dtype)
    return mean


def play(
    network: nn.Sequential, clients: list[Client], order: Order, run: Settings
) -> tuple[list[nn.Sequential], dict[tuple[int, int, str], Tested]]:
    """Play the rounds; all clients start from `network`, personal part included (it is copied, not changed).

    Return the clients' networks after the last round, and the tests by (round from 1, client from 0, time), time
    being "before" or "after" aggregation, or "fine-tuned".
    """
    networks = [copy.deepcopy(network) for _ in clients]
    n_base = len(network) - run.n_personal
    n_samples = [len(client.train_labels) for client in clients]
    base = copy.deepcopy(network[:n_base].state_dict())
    tests = {}
    for round_ in range(1, run.n_rounds + 1):
        for j, (own, client) in enumerate(zip(networks, clients, strict=True)):
            own[:n_base].load_state_dict(base)
            train(own, list(own.parameters()), client, order(round_, j, "training"), run)
            tests[round_, j, "before"] = test(own, client, run.test_batch)
        base = average([own[:n_base].state_dict() for own in networks], n_samples)
        for j, (own, client) in enumerate(zip(networks, clients, strict=True)):
            own[:n_base].load_state_dict(base)
            tests[round_, j, "after"] = test(own, client, run.test_batch)
            if run.fine_tuning:
                own[:n_base].requires_grad_(False)
                train(own, list(own[n_base:].parameters()), client, order(round_, j, "fine-tuning"), run)
                own[:n_base].requires_grad_(True)
                tests[round_, j, "fine-tuned"] = test(own, client, run.test_batch)
    return networks, tests

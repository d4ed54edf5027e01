"""The authors' protocol in plain PyTorch, written from the facts known of their code.

It imports nothing of fedper, which is held against it. Every client keeps a whole network of its
own, the server's base is a state dictionary, and nothing is done to be fast.

One deliberate difference: for FLICKR-AES the authors' code never leaves training mode, so that
testing also moves BatchNorm's running statistics. Here a test changes nothing.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn

Batches = list[Tensor]
Order = Callable[[int, int, str], Batches]
"""(round from 1, client from 0, "training", "fine-tuning" or "testing") -> the rows of each batch,
all epochs in turn; an epoch of fine-tuning, or of a test, is all of the client's images once."""


@dataclass(frozen=True)
class Client:
    """One client's images, floating point [n, 3, height, width], and labels, int64 [n].

    Pixels are as the network takes them: for CIFAR -1 … 1, for FLICKR-AES 0 … 1.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@dataclass(frozen=True)
class Settings:
    """What a run of the protocol depends on, beside data, network and order.

    `n_personal` is K_P. `fine_tuning`: the personal part is trained on after each aggregation.
    `test_batch` is None for CIFAR (tests in evaluation mode); for FLICKR-AES the number of images
    whose statistics BatchNorm takes in a test.  `further_tests`: :func:`test_otherwise` after each
    aggregation, in batches of `batch` images where BatchNorm takes their statistics.
    """

    n_rounds: int
    n_personal: int
    learning_rate: float
    momentum: float
    fine_tuning: bool
    test_batch: int | None
    batch: int = 0
    further_tests: bool = False


@dataclass(frozen=True)
class Tested:
    """One test of a client's network: how many images it got right, of how many.

    `loss` is the mean cross-entropy in nats; `margin` the smallest difference between the two
    largest outputs for one image, which says how far all counts are from hanging on rounding.
    """

    n_correct: int
    n_images: int
    loss: float
    margin: float


def train(
    network: nn.Module, weights: list[nn.Parameter], client: Client, batches: Batches, run: Settings
) -> None:
    """SGD over `weights`, made anew; in training mode, so that all running statistics move."""
    network.train()
    # Fused, as the engine's: SGD's other forms round differently.
    optimiser = torch.optim.SGD(weights, lr=run.learning_rate, momentum=run.momentum, fused=True)
    for rows in batches:
        optimiser.zero_grad()
        functional.cross_entropy(
            network(client.train_images[rows]), client.train_labels[rows]
        ).backward()
        optimiser.step()


@torch.no_grad()
def test(network: nn.Module, client: Client, test_batch: int | None) -> Tested:
    """Test on the client's own test images, in their order; afterwards all is as it was."""
    before = copy.deepcopy(network.state_dict())
    network.train(test_batch is not None)
    outputs = torch.cat([network(images) for images in client.test_images.split(test_batch or 500)])
    network.load_state_dict(before)
    n_correct = int((outputs.argmax(dim=1) == client.test_labels).sum())
    loss = functional.cross_entropy(outputs, client.test_labels)
    first, second = outputs.topk(2, dim=1).values.unbind(1)
    return Tested(n_correct, len(outputs), float(loss), float((first - second).min()))


def average(states: list[dict[str, Tensor]], n_samples: list[int]) -> dict[str, Tensor]:
    """Mean of the clients' states weighted by their numbers of samples; a counter is rounded."""
    mean = {}
    for name, first in states[0].items():
        terms = [n * state[name].double() for state, n in zip(states, n_samples, strict=True)]
        value = torch.stack(terms).sum(dim=0) / sum(n_samples)
        mean[name] = (value if first.is_floating_point() else value.round()).to(first.dtype)
    return mean


@dataclass(frozen=True)
class Played:
    """What comes of the rounds: the last base, each client's personal part, and all tests.

    `tests` are by (round from 1, client from 0, time), time being "before" or "after" aggregation,
    or "fine-tuned", or a name of :func:`test_otherwise`.
    """

    base: dict[str, Tensor]
    personal: list[dict[str, Tensor]]
    tests: dict[tuple[int, int, str], Tested]


def play(network: nn.Sequential, clients: list[Client], order: Order, run: Settings) -> Played:
    """Play the rounds; all clients start from `network`, personal part included.

    It is copied, not changed. In fine-tuning the running statistics of a client's base move, until
    the next base arrives.
    """
    networks = [copy.deepcopy(network) for _ in clients]
    n_base = len(network) - run.n_personal
    n_samples = [len(client.train_labels) for client in clients]
    statistics: dict[int, dict[str, Tensor]] = {}
    base = copy.deepcopy(network[:n_base].state_dict())
    tests = {}
    for round_ in range(1, run.n_rounds + 1):
        for j, (own, client) in enumerate(zip(networks, clients, strict=True)):
            own[:n_base].load_state_dict(base)
            train(own, list(own.parameters()), client, order(round_, j, "training"), run)
            tests[round_, j, "before"] = test(own, client, run.test_batch)
            statistics[j] = running_statistics(own[:n_base])
        base = average([own[:n_base].state_dict() for own in networks], n_samples)
        for j, (own, client) in enumerate(zip(networks, clients, strict=True)):
            own[:n_base].load_state_dict(base)
            tests[round_, j, "after"] = test(own, client, run.test_batch)
            if run.further_tests:
                batches = order(round_, j, "testing")
                found = test_otherwise(own, network, statistics[j], client, batches, run)
                tests |= {(round_, j, name): tested for name, tested in found.items()}
            if run.fine_tuning:
                fine_tune(own, n_base, client, order(round_, j, "fine-tuning"), run)
                tests[round_, j, "fine-tuned"] = test(own, client, run.test_batch)
    return Played(base, [own[n_base:].state_dict() for own in networks], tests)


def fine_tune(
    network: nn.Sequential, n_base: int, client: Client, batches: Batches, run: Settings
) -> None:
    """Train the personal part alone, the base's weights frozen."""
    network[:n_base].requires_grad_(False)
    train(network, list(network[n_base:].parameters()), client, batches, run)
    network[:n_base].requires_grad_(True)


def running_statistics(network: nn.Module) -> dict[str, Tensor]:
    """Copy the buffers of BatchNorm, by name."""
    return {name: value.clone() for name, value in network.named_buffers()}


def test_otherwise(
    network: nn.Sequential,
    initial: nn.Sequential,
    statistics: dict[str, Tensor],
    client: Client,
    batches: Batches,
    run: Settings,
) -> dict[str, Tested]:
    """Test copies of a client's network after aggregation in all further ways, by their names.

    statistics: of its base, as its last training left them.  initial: the network of round 0.
    """
    n_base = len(network) - run.n_personal
    names = ["reestimated", "own", "tuned"] + ["fresh"] * (run.n_personal > 0)
    copies = {name: copy.deepcopy(network) for name in names}
    update_bn(client.train_images.split(500), copies["reestimated"])
    copies["own"][:n_base].load_state_dict(statistics, strict=False)
    train(copies["tuned"], list(copies["tuned"].parameters()), client, batches, run)
    if run.n_personal > 0:
        copies["fresh"][n_base:].load_state_dict(initial[n_base:].state_dict())
        fine_tune(copies["fresh"], n_base, client, batches, run)
    found = {name: test(one, client, None) for name, one in copies.items()}
    return found | {"test batch": test(network, client, run.batch)}

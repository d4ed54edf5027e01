"""The engine against the authors' protocol as a plain PyTorch loop, which knows nothing of it.

Both are given the same data, initial weights and order of samples. With a network of its own, the
plain loop is compared in float64, because other kernels round elsewhere; with the engine's network
and kernels, in float32 and to the last bit.
"""

from dataclasses import replace
from itertools import accumulate, combinations, product

import numpy as np
import plain_networks
import plain_protocol as plain
import pytest
import torch
from conftest import RUN, SHIFT, STATISTICS
from fedper.data.dataset import Dataset, Split
from fedper.data.partition import ClientSamples, Partition
from fedper.job.progress import Progress
from fedper.job.simulate import play_rounds
from fedper.method import Phase, Test
from fedper.randomness import seed_for
from fedper.run import change
from fedper.train.set_up import set_up
from torch import nn

SEED = 7
SIZE = 18
"""Height and width of an image in pixels; the last maps are 2 x 2 and 3 x 3, so that BatchNorm can
take a batch of one image, as it can with 32 pixels."""
N_TRAIN = (5, 3, 4)
"""Training images of each client; with batches of 4, an epoch of the first ends with one image."""
N_TEST = (6, 5, 4)

PIXELS = {"CIFAR": "centred", "FLICKR": "unit"}
N_CLASSES = {"CIFAR": 10, "FLICKR": 5}
BATCHNORM = {"CIFAR": "averaged", "FLICKR": "test batch"}
NETWORKS = {
    "mobilenet_v1": (plain_networks.mobilenet_v1, {"model": "mobilenet_v1", "width": 0.125}),
    "resnet34": (plain_networks.resnet34, {"model": "resnet34", "width": 0.125}),
}
FINE_TUNING = {"new_base": (Phase("personal", 1),)}
METHODS = {
    "FedAvg": {"personalization_layers": 0},
    "K_P = 1": {"personalization_layers": 1},
    "K_P = 2": {"personalization_layers": 2},
    "K_P = 1, fine-tuning": {"personalization_layers": 1, **FINE_TUNING},
    "K_P = 2, fine-tuning": {"personalization_layers": 2, **FINE_TUNING},
}

TOLERANCE = 1e-11
"""In float64, where values are of the order of 1 to 100: 2e-14 was seen."""
SMALLEST_MARGIN = 1e-6
"""Between the two largest outputs for an image, so that no count hangs on a rounding."""


def make_world(kind):
    """Draw all clients' images: uint8, each class around a pattern, so that there is to learn."""
    generator = np.random.default_rng(SEED + SHIFT)
    parts = N_TRAIN + N_TEST
    patterns = generator.integers(0, 256, (N_CLASSES[kind], 3, SIZE, SIZE))
    labels = generator.integers(0, N_CLASSES[kind], sum(parts))
    noise = generator.integers(0, 256, (sum(parts), 3, SIZE, SIZE))
    images = ((patterns[labels] + noise) // 2).astype(np.uint8)
    none = Split(images[:0], labels[:0])
    unknown = np.full(3, np.nan)
    dataset = Dataset(Split(images, labels), none, N_CLASSES[kind], unknown, unknown, {})
    rows = [list(range(end - n, end)) for end, n in zip(accumulate(parts), parts, strict=True)]
    clients = [ClientSamples([], rows[j], rows[j + 3]) for j in range(3)]
    return dataset, Partition(SEED, 4, tests_are_training_images=True, clients=clients)


def make_run(kind, network, method, **settings):
    tests = tuple(Test(when, BATCHNORM[kind]) for when in ("end", "before", "after"))
    return change(
        RUN, seed=SEED, stem="cifar", local_epochs=2, rounds=2, learning_rate=0.02, momentum=0.9,
        weight_decay=0.0, evaluation_batch_size=100, pixels=PIXELS[kind], batch_size=4,
        **NETWORKS[network][1], **METHODS[method], **{"tests": tests, **settings},
    )  # fmt: skip


def begin(kind, run):
    """Set a run up as the engine does; and the same clients for the plain loop, in float32.

    Pixels are scaled to 0 … 1 or -1 … 1 here as the paper's facts say, whatever the engine does.
    """
    dataset, partition = make_world(kind)
    model, *beginning = set_up(run, dataset, partition, torch.device("cpu"))
    progress = Progress(*beginning)
    images = torch.from_numpy(dataset.train.images).float() / 255
    if kind == "CIFAR":
        images = (images - 0.5) / 0.5
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(dataset.train.labels)
    clients = [
        plain.Client(images[of.train], labels[of.train], images[of.test], labels[of.test])
        for of in partition.clients
    ]
    return model, progress, clients


def play(run, model, progress):
    """Play the engine's rounds; return its history."""
    play_rounds(run, model, progress, lambda line: None)
    return progress.history


def play_plainly(kind, run, network, clients):
    settings = plain.Settings(
        n_rounds=2,
        n_personal=run.method.personalization_layers,
        learning_rate=0.02,
        momentum=0.9,
        fine_tuning=bool(run.method.new_base),
        test_batch=None if kind == "CIFAR" else 4,
    )
    return plain.play(network, clients, engine_order, settings)


def engine_order(round_, client, purpose):
    """Shuffle two epochs of training, or one of fine-tuning, with the engine's seeds."""
    name, epochs = {"training": ("batches", 2), "fine-tuning": ("fine-tuning batches", 1)}[purpose]
    generator = torch.Generator().manual_seed(seed_for(SEED, name, round_, client))
    order = [torch.randperm(N_TRAIN[client], generator=generator) for _ in range(epochs)]
    return [rows for epoch in order for rows in epoch.split(4)]


def load_from_engine(network, progress):
    """Give a network the engine's initial state; both list their tensors in the same order."""
    values = [*progress.base.values(), *progress.clients[0].personal.values()]
    network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))


def load_into_engine(progress, network):
    """Let the engine, all its clients included, start from a network's state."""
    values = list(network.state_dict().values())
    n_base = len(progress.base)
    progress.base = dict(zip(progress.base, values[:n_base], strict=True))
    personal = dict(zip(progress.clients[0].personal, values[n_base:], strict=True))
    progress.clients[:] = [replace(client, personal=personal) for client in progress.clients]


def settle(network, clients):
    """Bring a network to where rounding does not grow, and evaluation mode is worth testing.

    As drawn, such narrow networks blow up a rounding ten orders of magnitude in two rounds on such
    small batches; with most ReLUs open, one or two. BatchNorm's running statistics become
    those of all training images, as in so few steps they would hardly leave 0 and 1.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.constant_(norm.weight, 0.5)
        nn.init.constant_(norm.bias, 1.0)
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.cat([client.train_images for client in clients]))
    for norm in norms:
        norm.momentum = 0.1


def in_float64(clients):
    return [
        replace(c, train_images=c.train_images.double(), test_images=c.test_images.double())
        for c in clients
    ]


def differences(progress, played):
    """List the largest difference in each tensor of base and personal parts; all are finite."""
    found = {}
    ours = [progress.base, *(client.personal for client in progress.clients)]
    for place, (a, b) in enumerate(zip(ours, [played.base, *played.personal], strict=True)):
        for (name, value), other in zip(a.items(), b.values(), strict=True):
            assert torch.isfinite(value).all(), name
            found[place, name] = (value - other).abs().max().item()
    return found


def assert_same_tests(run, history, played):
    """Hold the rows of a history against the plain loop's tests, which are as many."""
    times = {"before": "before", "end": "after"}
    if run.method.new_base:
        times = {"before": "before", "after": "after", "end": "fine-tuned"}
    rows = {(row["round"], row["client"], times[row["test"].split()[0]]): row for row in history}
    assert rows.keys() == played.tests.keys()
    assert len(rows) == len(history) == 2 * 3 * len(times)
    for key, theirs in played.tests.items():
        assert rows[key]["samples"] == theirs.n_images == N_TEST[key[1]]
        assert rows[key]["correct"] == theirs.n_correct, key
        assert rows[key]["test_loss"] == pytest.approx(theirs.loss, rel=1e-5), key


def assert_the_times_differ(played):
    """Tests at other times must give other losses, or comparing them would show nothing."""
    times = {time for _, _, time in played.tests}
    for one, other in combinations(times, 2):
        pairs = [(played.tests[2, j, one].loss, played.tests[2, j, other].loss) for j in range(3)]
        assert max(abs(a / b - 1) for a, b in pairs) > 1e-4, (one, other)


@pytest.mark.parametrize(
    ("kind", "network", "method"),
    [
        ("CIFAR", "mobilenet_v1", "FedAvg"),
        ("CIFAR", "resnet34", "K_P = 1"),
        ("CIFAR", "resnet34", "K_P = 2"),
        ("CIFAR", "resnet34", "K_P = 1, fine-tuning"),
        ("CIFAR", "mobilenet_v1", "K_P = 2, fine-tuning"),
        ("FLICKR", "resnet34", "FedAvg"),
        ("FLICKR", "mobilenet_v1", "K_P = 1"),
        ("FLICKR", "resnet34", "K_P = 2"),
        ("FLICKR", "mobilenet_v1", "K_P = 1, fine-tuning"),
        ("FLICKR", "resnet34", "K_P = 2, fine-tuning"),
    ],
)
def test_two_rounds_are_those_of_a_plain_loop_with_networks_of_its_own(kind, network, method):
    """In float64, as other kernels than the engine's round in other places."""
    run = make_run(kind, network, method)
    model, progress, clients = begin(kind, run)
    clients = in_float64(clients)
    own = NETWORKS[network][0](N_CLASSES[kind], run.width).double()
    load_from_engine(own, progress)
    settle(own, clients)
    load_into_engine(progress, own)
    model.double().register_forward_pre_hook(lambda module, inputs: inputs[0].double())

    played = play_plainly(kind, run, own, clients)
    history = play(run, model, progress)

    assert max(differences(progress, played).values()) < TOLERANCE
    assert min(test.margin for test in played.tests.values()) > SMALLEST_MARGIN
    assert_same_tests(run, history, played)
    assert_the_times_differ(played)


@pytest.mark.parametrize(
    ("kind", "network", "method"),
    [
        ("CIFAR", "mobilenet_v1", "K_P = 2, fine-tuning"),
        ("CIFAR", "resnet34", "FedAvg"),
        ("FLICKR", "mobilenet_v1", "FedAvg"),
        ("FLICKR", "resnet34", "K_P = 2, fine-tuning"),
    ],
)
def test_two_rounds_are_those_of_a_plain_loop_to_the_last_bit(kind, network, method):
    """In float32, with the engine's network in both, and its initial state, whatever grows."""
    run = make_run(kind, network, method)
    model, progress, clients = begin(kind, run)
    load_from_engine(model, progress)
    played = play_plainly(kind, run, model, clients)
    history = play(run, model, progress)
    assert set(differences(progress, played).values()) == {0.0}
    assert_same_tests(run, history, played)


@pytest.mark.parametrize("kind", PIXELS)
def test_recording_more_tests_changes_no_weight_and_no_row_of_the_reference(kind):
    everything = [Test(*names) for names in product(("before", "after", "end"), STATISTICS)]
    reference = Test("end", BATCHNORM[kind])
    everything.remove(reference)
    played = []
    for tests in ((reference,), (reference, *everything)):
        run = make_run(kind, "resnet34", "K_P = 2, fine-tuning", tests=tests, other_tests_every=1)
        model, progress, _ = begin(kind, run)
        history = play(run, model, progress)
        assert len(history) == 2 * 3 * len(tests)
        states = [progress.base, *(client.personal for client in progress.clients)]
        rows = [row for row in history if row["test"] == reference.name]
        played.append((states, rows))
    (states, rows), (other_states, other_rows) = played
    assert rows == other_rows
    for state, other in zip(states, other_states, strict=True):
        assert state.keys() == other.keys()
        assert all(torch.equal(state[name], other[name]) for name in state)

"""Which client holds which samples, by the rule of the configuration.

slots and balanced (CIFAR): classes are dealt out, see :mod:`fedper.data.classes`. All clients hold
equally many images, and are tested on classes that they train on: on some of their own images, or
on images of the data set's test split.

workers (FLICKR-AES): a client is a worker, and holds the images that the worker scored.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fedper.data.classes import (
    assign_balanced,
    assign_slots,
    check_classes,
    shared_per_class,
    slot_size,
    slots_per_class,
)
from fedper.data.dataset import Dataset, labels_digest
from fedper.data.partition import ClientSamples, Partition
from fedper.errors import InputError
from fedper.randomness import seed_for


def make_partition(
    dataset: Dataset, settings: dict, n_clients: int, classes_per_client: int | None, seed: int
) -> Partition:
    """Draw who holds what; the same arguments give the same partition.

    Args:
        dataset: whose samples are dealt out.
        settings: of the configuration's ``partition``.
        n_clients: N.
        classes_per_client: k; None where clients are workers.
        seed: of the draw.

    Raises:
        InputError: the rule cannot be followed with these images.
    """
    if settings["rule"] == "workers":
        partition = partition_by_client(dataset, n_clients, seed)
    else:
        labels = dataset.train.labels, dataset.test.labels
        shape = n_clients, classes_per_client
        partition = draw_by_class(*labels, dataset.n_classes, settings, *shape, seed)
    origin = {"samples": settings, "labels_sha256": labels_digest(dataset)}
    return replace(partition, drawn_from=origin)


def draw_by_class(
    train_labels: NDArray[np.int64],
    test_labels: NDArray[np.int64],
    n_classes: int,
    settings: dict,
    n_clients: int,
    classes_per_client: int,
    seed: int,
) -> Partition:
    """Draw by the rule slots or balanced, from the labels of both splits.

    Of each class, as many images as ``settings`` say are drawn, and dealt out. Raises InputError
    if the rule cannot be followed, or a class has too few images.
    """
    shape = n_clients, classes_per_client, n_classes
    check_classes(settings, *shape, "partition")
    n_shared = shared_per_class(settings)
    if settings["rule"] == "balanced":
        held = assign_balanced(n_clients, n_classes, classes_per_client, seed)
    else:
        most = slots_per_class(n_shared, *shape)
        held = assign_slots(n_clients, n_classes, classes_per_client, most, seed)
    train = _deal(train_labels, held, n_shared["training"], seed, "train")
    own = settings["test"]["from"] == "own"
    if own:
        train, test = _split_own(train, settings["test"]["fraction"], seed)
    else:
        test = _deal(test_labels, held, n_shared["test"], seed, "test")
    clients = [
        ClientSamples(np.flatnonzero(slots).tolist(), sorted(train[client]), sorted(test[client]))
        for client, slots in enumerate(held)
    ]
    return Partition(seed, classes_per_client, own, clients)


def partition_by_client(dataset: Dataset, n_clients: int, seed: int) -> Partition:
    """Give every client the samples that the data set says are its own.

    ``seed`` is the one that the data set was prepared with; nothing is drawn here. Raises
    InputError if the data set does not say, or has other clients than 0 … n_clients - 1.
    """
    train, test = dataset.train, dataset.test
    if train.clients is None or test.clients is None:
        raise InputError("workers: the data set does not say who holds what; use slots")
    for name, split in (("training", train), ("test", test)):
        found = set(split.clients.tolist())
        if found != set(range(n_clients)):
            raise InputError(
                f"n_clients: {n_clients}, but the {name} images belong to {len(found)} clients; "
                "prepare the data set again"
            )
    clients = [
        ClientSamples(
            classes=np.unique(train.labels[train.clients == client]).tolist(),
            train=np.flatnonzero(train.clients == client).tolist(),
            test=np.flatnonzero(test.clients == client).tolist(),
        )
        for client in range(n_clients)
    ]
    return Partition(seed, None, tests_are_training_images=False, clients=clients)


def _deal(
    labels: NDArray[np.int64], held: NDArray[np.int64], n_per_class: int, seed: int, split: str
) -> list[list[int]]:
    """Fill the slots that clients hold with drawn images, client after client; rows for each."""
    generator = np.random.default_rng(seed_for(seed, "samples", split))
    n_clients, n_classes = held.shape
    size = slot_size(n_per_class, n_clients, int(held[0].sum()), n_classes)
    rows: list[list[int]] = [[] for _ in held]
    for label in range(n_classes):
        candidates = np.flatnonzero(labels == label)
        if len(candidates) < n_per_class:
            raise InputError(
                f"images_per_class: {n_per_class} asked for, but class {label} has only "
                f"{len(candidates)} {split} images"
            )
        drawn = generator.permutation(candidates)
        ends = np.cumsum(size * held[:, label])
        for client, own in enumerate(np.split(drawn[: ends[-1]], ends[:-1])):
            rows[client].extend(own.tolist())
    return rows


def _split_own(
    rows: list[list[int]], fraction: float, seed: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Keep a share of each client's own images, drawn at random, for testing."""
    train, test = [], []
    for client, own in enumerate(rows):
        generator = np.random.default_rng(seed_for(seed, "own tests", client))
        drawn = generator.permutation(own).tolist()
        n_test = round(fraction * len(own))
        test.append(drawn[:n_test])
        train.append(drawn[n_test:])
    return train, test

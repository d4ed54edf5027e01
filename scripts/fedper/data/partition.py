"""Which samples each client holds, by the rule of the configuration's partition.

balanced (CIFAR): k classes a client, drawn at random. Every class is held by exactly N·k/C
clients (C classes), its samples are shared evenly among them, and all clients hold the same number
of samples. Training and test samples follow the same assignment of classes, so a client is tested
on the classes that it trains on.

workers (FLICKR-AES): a client is a worker, and holds the images that the worker scored.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedper.data.dataset import Dataset
from fedper.errors import InputError
from fedper.files import write_text
from fedper.randomness import seed_for


@dataclass(frozen=True)
class ClientSamples:
    """One client's classes, and its rows in the data set's training and test split, ascending."""

    classes: list[int]
    train: list[int]
    test: list[int]


@dataclass(frozen=True)
class Partition:
    """All clients' samples, with the seed and the k that they were drawn for (None: by worker)."""

    seed: int
    classes_per_client: int | None
    clients: list[ClientSamples]


def draw_partition(
    train_labels: NDArray[np.int64],
    test_labels: NDArray[np.int64],
    n_classes: int,
    n_clients: int,
    classes_per_client: int,
    train_images_per_class: int,
    test_images_per_class: int,
    seed: int,
) -> Partition:
    """Draw a partition; the same arguments give the same partition.

    Of each class, ``…_images_per_class`` samples are drawn and shared evenly among its holders;
    what an even share leaves over (fewer samples than holders) nobody gets. Raises InputError if
    no balanced assignment exists or a class has too few samples.
    """
    classes = assign_classes(n_clients, n_classes, classes_per_client, seed)
    train = _deal(train_labels, classes, train_images_per_class, seed, "train")
    test = _deal(test_labels, classes, test_images_per_class, seed, "test")
    clients = [
        ClientSamples(np.flatnonzero(row).tolist(), train[client], test[client])
        for client, row in enumerate(classes)
    ]
    return Partition(seed, classes_per_client, clients)


def partition_by_client(dataset: Dataset, n_clients: int, seed: int) -> Partition:
    """Give every client the samples that the data set says are its own.

    ``seed`` is the one that the data set was prepared with; nothing is drawn here. Raises
    InputError if the data set does not say, or has other clients than 0 … n_clients - 1.
    """
    train, test = dataset.train, dataset.test
    if train.clients is None or test.clients is None:
        raise InputError("workers: the data set does not say who holds what; use balanced")
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
    return Partition(seed, None, clients)


def check_balance(n_clients: int, classes_per_client: int, n_classes: int, where: str) -> None:
    """Raise InputError unless every class can have equally many holders; ``where`` is its start."""
    if not 1 <= classes_per_client <= n_classes:
        raise InputError(
            f"{where}: {classes_per_client} is not in 1 … {n_classes}, the number of classes"
        )
    if n_clients * classes_per_client % n_classes:
        raise InputError(
            f"{where}: {n_clients} clients x {classes_per_client} classes cannot be balanced over "
            f"{n_classes} classes; their product must be a multiple of {n_classes}"
        )


def assign_classes(
    n_clients: int, n_classes: int, classes_per_client: int, seed: int
) -> NDArray[np.bool_]:
    """Draw who holds which class: bool [n_clients, n_classes], rows sum to k, columns to N·k/C.

    Starts from a regular pattern and lets random pairs of clients trade the classes that only
    one of them holds (curveball trades, Strona et al. 2014), which keeps all sums and reaches
    every balanced assignment with equal probability in the limit.
    """
    check_balance(n_clients, classes_per_client, n_classes, "classes_per_client")
    slots = np.arange(n_clients * classes_per_client) % n_classes
    held = np.zeros((n_clients, n_classes), dtype=bool)
    np.put_along_axis(held, slots.reshape(n_clients, classes_per_client), True, axis=1)

    generator = np.random.default_rng(seed_for(seed, "classes"))
    for _ in range(20 * n_clients if n_clients > 1 else 0):
        first, second = generator.choice(n_clients, size=2, replace=False)
        tradable = np.flatnonzero(held[first] != held[second])
        n_first = held[first, tradable].sum()
        to_first = generator.permutation(tradable)[:n_first]
        held[first, tradable] = np.isin(tradable, to_first)
        held[second, tradable] = ~held[first, tradable]
    return held


def write_partition(partition: Partition, path: Path) -> None:
    """Write a partition as JSON, atomically."""
    write_text(path, json.dumps(asdict(partition)) + "\n")


def read_partition(path: Path) -> Partition:
    """Read what :func:`write_partition` wrote; raise InputError if the file is not that."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["clients"] = [ClientSamples(**client) for client in values["clients"]]
        return Partition(**values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not a partition ({error}); delete it and run the pipeline again"
        ) from error


def _deal(
    labels: NDArray[np.int64], held: NDArray[np.bool_], n_per_class: int, seed: int, split: str
) -> list[list[int]]:
    """Share ``n_per_class`` samples of every class among its holders; rows for each client."""
    generator = np.random.default_rng(seed_for(seed, "samples", split))
    rows: list[list[int]] = [[] for _ in held]
    for label in range(held.shape[1]):
        candidates = np.flatnonzero(labels == label)
        if len(candidates) < n_per_class:
            raise InputError(
                f"{split}_images_per_class: {n_per_class} asked for, but class {label} has only "
                f"{len(candidates)} {split} images"
            )
        holders = np.flatnonzero(held[:, label])
        share = n_per_class // len(holders)
        if share == 0:
            raise InputError(
                f"{split}_images_per_class: {n_per_class} cannot be shared by the {len(holders)} "
                f"clients that hold class {label}"
            )
        drawn = generator.permutation(candidates)[: share * len(holders)]
        for holder, part in zip(holders, drawn.reshape(len(holders), share), strict=True):
            rows[holder].extend(part.tolist())
    return [sorted(client) for client in rows]

"""Which client holds how much of which class: the rules slots and balanced.

All images that clients share are N·k slots of equal size, and a slot is of one class. A rule says
how many slots of each class a client holds: int [N, C], rows sum to k.

slots (the authors' code): client after client fills k slots, each with a class drawn uniformly,
with replacement, among those that still have images for a slot; so a client holds at most k
classes.
balanced: a client holds exactly k classes, and every class has equally many holders, N·k/C.
"""

import numpy as np
from numpy.typing import NDArray

from fedper.errors import InputError
from fedper.randomness import seed_for


def slot_size(n_per_class: int, n_clients: int, classes_per_client: int, n_classes: int) -> int:
    """Count a slot's images, if ``n_per_class`` of each class are shared; the rest nobody gets."""
    return n_per_class * n_classes // (n_clients * classes_per_client)


def check_classes(
    settings: dict, n_clients: int, classes_per_client: int, n_classes: int, where: str
) -> None:
    """Raise InputError unless the rule of ``settings`` can be followed.

    Args:
        settings: of the configuration's ``partition``.
        n_clients: N.
        classes_per_client: k.
        n_classes: of the data set.
        where: starts the message.
    """
    k, slots = classes_per_client, n_clients * classes_per_client
    words = f"{n_clients} clients x {k} classes"
    if not 1 <= k <= n_classes:
        raise InputError(
            f"{where}.classes_per_client: {k} is not in 1 … {n_classes}, the number of classes"
        )
    if settings["rule"] == "balanced" and slots % n_classes:
        raise InputError(
            f"{where}.classes_per_client: {words} cannot be balanced over {n_classes} classes; "
            f"their product must be a multiple of {n_classes}"
        )
    n_shared = shared_per_class(settings)
    for split, n in n_shared.items():
        if slot_size(n, n_clients, k, n_classes) == 0:
            raise InputError(
                f"{where}: {n} {split} images of each class cannot be shared by {words}"
            )
    if n_classes * slots_per_class(n_shared, n_clients, k, n_classes) < slots:
        raise InputError(
            f"{where}: in the end {words} leave no class with enough images for another slot of "
            f"{slot_size(settings['images_per_class'], n_clients, k, n_classes)} training images; "
            "ask for other numbers of clients, classes or images"
        )
    if settings["test"]["from"] == "own":
        n_own = k * slot_size(settings["images_per_class"], n_clients, k, n_classes)
        _check_split(n_own, settings["test"]["fraction"], where)


def _check_split(n: int, fraction: float, where: str) -> None:
    if not 0 < round(fraction * n) < n:
        raise InputError(
            f"{where}.test.fraction: {fraction} of a client's {n} images leaves none for testing, "
            "or none for training"
        )


def shared_per_class(settings: dict) -> dict[str, int]:
    """Return how many images of each class clients share, for each split that they use."""
    test = settings["test"]
    official = {} if test["from"] == "own" else {"test": test["images_per_class"]}
    return {"training": settings["images_per_class"], **official}


def slots_per_class(
    n_shared: dict[str, int], n_clients: int, classes_per_client: int, n_classes: int
) -> int:
    """Count the slots that a class has images for, in every split; see ``shared_per_class``."""
    shape = n_clients, classes_per_client, n_classes
    return min(n // slot_size(n, *shape) for n in n_shared.values())


def assign_slots(
    n_clients: int, n_classes: int, classes_per_client: int, most: int, seed: int
) -> NDArray[np.int64]:
    """Draw slots by the rule slots: int64 [N, C]; no class has more than ``most``.

    C·most must be at least N·k, which ``check_classes`` makes sure of; otherwise the last slots
    would find no class.
    """
    generator = np.random.default_rng(seed_for(seed, "slots"))
    held = np.zeros((n_clients, n_classes), dtype=np.int64)
    for own in held:
        for _ in range(classes_per_client):
            left = np.flatnonzero(held.sum(axis=0) < most)
            own[generator.choice(left)] += 1
    return held


def assign_balanced(
    n_clients: int, n_classes: int, classes_per_client: int, seed: int
) -> NDArray[np.int64]:
    """Draw slots by the rule balanced: int64 [N, C] of 0 and 1, columns sum to N·k/C.

    Starts from a regular pattern and lets random pairs of clients trade the classes that only
    one of them holds (curveball trades, Strona et al. 2014), which keeps all sums and reaches
    every balanced assignment with equal probability in the limit.
    """
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
    return held.astype(np.int64)

"""What a partition promises, over the space of its arguments."""

import json
from collections import Counter

import numpy as np
import pytest
from fedper.data.partition import (
    assign_classes,
    draw_partition,
    read_partition,
    write_partition,
)
from fedper.errors import InputError
from hypothesis import given, settings
from hypothesis import strategies as st


@st.composite
def balanced(draw):
    """Draw (n_clients, n_classes, k) for which a balanced assignment exists."""
    n_classes = draw(st.integers(2, 20))
    k = draw(st.integers(1, n_classes))
    step = n_classes // np.gcd(n_classes, k)
    n_clients = int(step * draw(st.integers(1, max(1, 30 // step))))
    return n_clients, n_classes, k


def labels_of(n_classes, n_per_class, shuffle_seed=0):
    labels = np.repeat(np.arange(n_classes), n_per_class)
    return np.random.default_rng(shuffle_seed).permutation(labels).astype(np.int64)


@given(balanced(), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_every_client_holds_k_classes_and_every_class_has_equally_many_holders(shape, seed):
    n_clients, n_classes, k = shape
    held = assign_classes(n_clients, n_classes, k, seed)
    assert held.sum(axis=1).tolist() == [k] * n_clients
    assert held.sum(axis=0).tolist() == [n_clients * k // n_classes] * n_classes


@given(balanced(), st.integers(0, 10_000), st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_partition_is_disjoint_balanced_and_of_exactly_k_classes(shape, seed, extra):
    n_clients, n_classes, k = shape
    holders = n_clients * k // n_classes
    n_train, n_test = 2 * holders + extra, holders + extra
    train, test = labels_of(n_classes, n_train + 3), labels_of(n_classes, n_test)
    partition = draw_partition(train, test, n_classes, n_clients, k, n_train, n_test, seed)

    for split, labels, n in (("train", train, n_train), ("test", test, n_test)):
        rows = [getattr(client, split) for client in partition.clients]
        together = [row for client in rows for row in client]
        assert len(together) == len(set(together)), "a sample belongs to two clients"
        assert {len(client) for client in rows} == {k * (n // holders)}
        for client, own in zip(partition.clients, rows, strict=True):
            counts = Counter(labels[own].tolist())
            assert sorted(counts) == client.classes
            assert len(client.classes) == k
            assert set(counts.values()) == {n // holders}


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_same_seed_same_partition_and_another_seed_another(seed):
    train, test = labels_of(10, 40), labels_of(10, 20)
    one, again, other = (
        draw_partition(train, test, 10, 10, 4, 40, 20, s) for s in (seed, seed, seed + 1)
    )
    assert one == again
    assert [c.train for c in one.clients] != [c.train for c in other.clients]
    assert [c.classes for c in one.clients] != [c.classes for c in other.clients]


def test_every_class_is_held_unlike_in_the_public_replication():
    """Drawn independently for each client, some class goes unheld for most seeds at k = 2."""
    for seed in range(50):
        assert assign_classes(10, 10, 2, seed).any(axis=0).all()


def test_all_balanced_assignments_are_about_equally_likely():
    """3 clients of 1 class each: 6 assignments; chi-squared with 5 degrees of freedom."""
    n = 1200
    seen = Counter(
        tuple(assign_classes(3, 3, 1, seed).argmax(axis=1).tolist()) for seed in range(n)
    )
    assert len(seen) == 6
    chi_squared = sum((count - n / 6) ** 2 / (n / 6) for count in seen.values())
    assert chi_squared < 20.5  # p = 0.001


def test_which_classes_go_together_is_random():
    """At k = 2 of 4 classes each of the 6 pairs should be client 0's about equally often."""
    n = 1200
    seen = Counter(
        tuple(np.flatnonzero(assign_classes(4, 4, 2, seed)[0]).tolist()) for seed in range(n)
    )
    assert len(seen) == 6
    chi_squared = sum((count - n / 6) ** 2 / (n / 6) for count in seen.values())
    assert chi_squared < 20.5  # p = 0.001


@pytest.mark.parametrize(
    ("n_clients", "k", "message"),
    [
        (10, 0, "classes_per_client: 0 is not in 1 … 10"),
        (10, 11, "classes_per_client: 11 is not in 1 … 10"),
        (3, 4, "3 clients x 4 classes cannot be balanced over 10 classes"),
    ],
)
def test_impossible_assignments_are_refused(n_clients, k, message):
    with pytest.raises(InputError, match=message):
        assign_classes(n_clients, 10, k, seed=0)


def test_too_few_samples_are_refused():
    labels = labels_of(10, 30)
    with pytest.raises(InputError, match="train_images_per_class: 31 asked for, but class 0"):
        draw_partition(labels, labels, 10, 10, 4, 31, 30, 0)
    with pytest.raises(InputError, match="test_images_per_class: 3 cannot be shared by the 4"):
        draw_partition(labels, labels, 10, 10, 4, 30, 3, 0)


def test_a_partition_is_read_as_it_was_written(tmp_path):
    partition = draw_partition(labels_of(10, 40), labels_of(10, 20), 10, 10, 4, 40, 20, 5)
    write_partition(partition, tmp_path / "p.json")
    assert read_partition(tmp_path / "p.json") == partition
    assert json.loads((tmp_path / "p.json").read_text())["seed"] == 5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seed": 1}', '{"clients": [{}]}'])
def test_a_broken_partition_is_refused(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(InputError, match=r"p\.json: not a partition"):
        read_partition(tmp_path / "p.json")

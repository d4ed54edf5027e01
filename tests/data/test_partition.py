"""What a partition promises, over the space of its arguments."""

import json
from collections import Counter

import numpy as np
import pytest
from fedper.data.classes import assign_balanced, assign_slots
from fedper.data.make_partition import draw_by_class
from fedper.data.stored import read_partition, write_partition
from fedper.errors import InputError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

OWN = {"from": "own", "fraction": 0.1}


def official(n: int) -> dict:
    return {"from": "official", "images_per_class": n}


def by_rule(rule: str, n_per_class: int, test: dict) -> dict:
    return {"rule": rule, "images_per_class": n_per_class, "test": test}


@st.composite
def balanced(draw):
    """Draw (n_clients, n_classes, k) for which a balanced assignment exists."""
    n_classes = draw(st.integers(2, 20))
    k = draw(st.integers(1, n_classes))
    step = n_classes // np.gcd(n_classes, k)
    n_clients = int(step * draw(st.integers(1, max(1, 30 // step))))
    return n_clients, n_classes, k


@st.composite
def slotted(draw):
    """Draw (n_clients, n_classes, k, images per class, left over): enough for all N·k slots."""
    n_clients, n_classes = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    k, size = draw(st.integers(1, n_classes)), draw(st.integers(1, 8))
    slots_per_class = -(-n_clients * k // n_classes)
    n_per_class = size * slots_per_class + draw(st.integers(0, size - 1))
    # Where N·k is no multiple of C, slots come out larger, and may be too few of a class.
    size = n_per_class * n_classes // (n_clients * k)
    assume(n_classes * (n_per_class // size) >= n_clients * k)
    return n_clients, n_classes, k, n_per_class


def labels_of(n_classes, n_per_class, shuffle_seed=0):
    labels = np.repeat(np.arange(n_classes), n_per_class)
    return np.random.default_rng(shuffle_seed).permutation(labels).astype(np.int64)


@given(balanced(), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_every_client_holds_k_classes_and_every_class_has_equally_many_holders(shape, seed):
    n_clients, n_classes, k = shape
    held = assign_balanced(n_clients, n_classes, k, seed)
    assert set(np.unique(held).tolist()) <= {0, 1}
    assert held.sum(axis=1).tolist() == [k] * n_clients
    assert held.sum(axis=0).tolist() == [n_clients * k // n_classes] * n_classes


@given(balanced(), st.integers(0, 10_000), st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_balanced_is_disjoint_and_of_exactly_k_classes(shape, seed, extra):
    n_clients, n_classes, k = shape
    holders = n_clients * k // n_classes
    n_train, n_test = 2 * holders + extra, holders + extra
    train, test = labels_of(n_classes, n_train + 3), labels_of(n_classes, n_test)
    asked = by_rule("balanced", n_train, official(n_test))
    partition = draw_by_class(train, test, n_classes, asked, n_clients, k, seed)

    assert not partition.tests_are_training_images
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


@given(slotted(), st.integers(0, 10_000), st.integers(0, 5))
@settings(deadline=None, max_examples=100)
def test_slots_make_equal_clients_of_at_most_k_classes_and_no_image_is_twice(shape, seed, spare):
    n_clients, n_classes, k, n_per_class = shape
    n = k * (n_classes * n_per_class // (n_clients * k))  # k slots
    assume(0 < round(0.1 * n) < n)
    labels = labels_of(n_classes, n_per_class + spare)
    asked = by_rule("slots", n_per_class, OWN)
    partition = draw_by_class(labels, labels[:0], n_classes, asked, n_clients, k, seed)

    assert partition.tests_are_training_images
    rows = [row for c in partition.clients for row in c.train + c.test]
    assert len(rows) == len(set(rows)), "an image is at two clients, or trains and tests"
    assert max(Counter(labels[rows].tolist()).values()) <= n_per_class
    for client in partition.clients:
        held = labels[client.train + client.test]
        assert len(client.test) == round(0.1 * n)
        assert len(client.train) + len(client.test) == n
        assert sorted(set(held.tolist())) == client.classes
        assert 1 <= len(client.classes) <= k
        assert all(count % (n // k) == 0 for count in Counter(held.tolist()).values())
        assert client.train == sorted(client.train)
        assert client.test == sorted(client.test)


@given(slotted(), st.integers(0, 10_000), st.integers(1, 6))
@settings(deadline=None, max_examples=60)
def test_official_tests_have_a_client_s_classes_alone_in_the_same_shares(shape, seed, factor):
    n_clients, n_classes, k, n_per_class = shape
    train, test = labels_of(n_classes, n_per_class), labels_of(n_classes, factor * n_per_class, 1)
    asked = by_rule("slots", n_per_class, official(factor * n_per_class))
    n_train, n_test = (
        n_classes * n // (n_clients * k) for n in (n_per_class, factor * n_per_class)
    )
    slots_per_class = min(n_per_class // n_train, factor * n_per_class // n_test)
    assume(n_classes * slots_per_class >= n_clients * k)  # slots of tests round otherwise
    partition = draw_by_class(train, test, n_classes, asked, n_clients, k, seed)
    rows = [row for client in partition.clients for row in client.test]
    assert len(rows) == len(set(rows))
    for client in partition.clients:
        slots = Counter({c: n // n_train for c, n in Counter(train[client.train].tolist()).items()})
        tests = Counter({c: n // n_test for c, n in Counter(test[client.test].tolist()).items()})
        assert slots == tests
        assert slots.total() == k


@pytest.mark.parametrize("rule", ["slots", "balanced"])
@pytest.mark.parametrize("test", [OWN, official(20)], ids=["own", "official"])
@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_same_seed_same_partition_and_another_seed_another(rule, test, seed):
    train, test_labels = labels_of(10, 40), labels_of(10, 20)
    asked = by_rule(rule, 40, test)
    one, again, other = (
        draw_by_class(train, test_labels, 10, asked, 10, 4, s) for s in (seed, seed, seed + 1)
    )
    assert one == again
    for name in ("classes", "train", "test"):
        assert [getattr(c, name) for c in one.clients] != [getattr(c, name) for c in other.clients]


@pytest.mark.parametrize("rule", ["slots", "balanced"])
def test_own_tests_are_drawn_from_all_that_a_client_holds(rule):
    """As any image of a client is as likely as any other, each class is among them in time."""
    labels = labels_of(10, 40)
    asked, tested = by_rule(rule, 40, OWN), by_rule(rule, 40, official(40))
    n_of_class = Counter()
    for seed in range(40):
        own = draw_by_class(labels, labels, 10, asked, 10, 4, seed).clients[0]
        whole = draw_by_class(labels, labels, 10, tested, 10, 4, seed).clients[0]
        assert sorted(own.train + own.test) == whole.train
        n_of_class.update(labels[own.test].tolist())
    assert n_of_class.total() == 40 * 4
    assert len(n_of_class) == 10
    assert max(n_of_class.values()) < 35  # of 160, 16 each in the mean


@pytest.mark.parametrize(
    ("n_classes", "n_per_class", "k", "expected", "within"),
    [
        (10, 5000, 4, 3.4, 0.15), (10, 5000, 8, 5.4, 0.15), (10, 5000, 10, 6.2, 0.15),
        (100, 500, 40, 32, 1), (100, 500, 80, 52, 1), (100, 500, 100, 60, 1),
    ],
)  # fmt: skip
def test_slots_leave_as_many_distinct_classes_as_the_authors_rule_is_known_to(
    n_classes, n_per_class, k, expected, within
):
    """Ten clients of all of CIFAR-10 or CIFAR-100; mean over 200 seeds."""
    size = n_classes * n_per_class // (10 * k)
    most = n_per_class // size
    held = [assign_slots(10, n_classes, k, most, seed) for seed in range(200)]
    assert all((one.sum(axis=1) == k).all() and one.max() <= most for one in held)
    assert np.mean([(one > 0).sum(axis=1) for one in held]) == pytest.approx(expected, abs=within)


def test_slots_take_every_class_with_equal_probability_also_again():
    """One client of two slots: 6 unordered pairs; chi-squared with 5 degrees of freedom."""
    n = 1800
    seen = Counter(
        tuple(np.sort(np.repeat(range(3), assign_slots(1, 3, 2, 2, s)[0]))) for s in range(n)
    )
    expected = {(a, b): n / 9 * (1 if a == b else 2) for a in range(3) for b in range(a, 3)}
    assert seen.keys() == expected.keys()
    chi_squared = sum((seen[pair] - m) ** 2 / m for pair, m in expected.items())
    assert chi_squared < 20.5  # p = 0.001


def test_every_class_is_held_unlike_in_the_public_replication():
    """Drawn independently for each client, some class goes unheld for most seeds at k = 2."""
    for seed in range(50):
        assert assign_balanced(10, 10, 2, seed).any(axis=0).all()


def test_all_balanced_assignments_are_about_equally_likely():
    """3 clients of 1 class each: 6 assignments; chi-squared with 5 degrees of freedom."""
    n = 1200
    seen = Counter(
        tuple(assign_balanced(3, 3, 1, seed).argmax(axis=1).tolist()) for seed in range(n)
    )
    assert len(seen) == 6
    chi_squared = sum((count - n / 6) ** 2 / (n / 6) for count in seen.values())
    assert chi_squared < 20.5  # p = 0.001


def test_which_classes_go_together_is_random():
    """At k = 2 of 4 classes each of the 6 pairs should be client 0's about equally often."""
    n = 1200
    seen = Counter(
        tuple(np.flatnonzero(assign_balanced(4, 4, 2, seed)[0]).tolist()) for seed in range(n)
    )
    assert len(seen) == 6
    chi_squared = sum((count - n / 6) ** 2 / (n / 6) for count in seen.values())
    assert chi_squared < 20.5  # p = 0.001


@pytest.mark.parametrize(
    ("rule", "n_clients", "k", "n_per_class", "test", "message"),
    [
        ("balanced", 10, 0, 30, OWN, "classes_per_client: 0 is not in 1 … 10"),
        ("slots", 10, 11, 30, OWN, "classes_per_client: 11 is not in 1 … 10"),
        ("balanced", 3, 4, 30, OWN, "3 clients x 4 classes cannot be balanced over 10 classes"),
        ("balanced", 10, 4, 31, OWN, "images_per_class: 31 asked for, but class 0 has only 30"),
        ("slots", 10, 4, 30, official(31), "images_per_class: 31 asked for, .* only 30 test im"),
        ("slots", 10, 4, 3, OWN, "3 training images of each class cannot be shared by 10 client"),
        ("balanced", 10, 4, 30, official(3), "3 test images of each class cannot be shared by 10"),
        ("slots", 3, 5, 4, official(30), "3 clients x 5 classes leave no class with enough imag"),
        ("slots", 3, 5, 30, official(5), "leave no class with enough images for another slot of"),
        ("slots", 10, 4, 4, OWN, "0.1 of a client's 4 images leaves none for testing"),
    ],
)  # fmt: skip
def test_what_cannot_be_dealt_is_refused(rule, n_clients, k, n_per_class, test, message):
    labels = labels_of(10, 30)
    asked = by_rule(rule, n_per_class, test)
    with pytest.raises(InputError, match=message):
        draw_by_class(labels, labels, 10, asked, n_clients, k, 0)


@pytest.mark.parametrize("test", [OWN, official(20)], ids=["own", "official"])
def test_a_partition_is_read_as_it_was_written(tmp_path, test):
    asked = by_rule("slots", 40, test)
    partition = draw_by_class(labels_of(10, 40), labels_of(10, 20), 10, asked, 10, 4, 5)
    write_partition(partition, tmp_path / "p.json")
    assert read_partition(tmp_path / "p.json") == partition
    written = json.loads((tmp_path / "p.json").read_text())
    assert written["seed"] == 5
    assert written["tests_are_training_images"] == (test is OWN)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seed": 1}', '{"clients": [{}]}'])
def test_a_broken_partition_is_refused(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(InputError, match=r"p\.json: not a partition"):
        read_partition(tmp_path / "p.json")

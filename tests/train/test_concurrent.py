"""Clients that train at the same time: what they do must be what the plain loop does.

On a CPU a slot calls the step that it would record on a GPU, so waves, resetting and bookkeeping
are tested everywhere; a CUDA device tests the recording too.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SMALL, start
from fedper.algorithm.federated import server_round
from fedper.data.draw import draw_partition
from fedper.method import Test
from fedper.names import MODELS
from fedper.run import change
from fedper.train.concurrent import concurrent_round
from fedper.train.device import set_up_device
from fedper.train.simulate import simulate
from fedper.train.slots import make_slots

SIZES = (10, 6, 15, 9, 5)


def assert_equal(one, other):
    base, clients, reports = one
    assert reports == other[2]
    assert all(math.isfinite(report.train_loss) for report in reports)
    states = [(base, other[0])]
    for client, same in zip(clients, other[1], strict=True):
        assert client.number == same.number
        states += [
            (client.personal, same.personal), (client.base_statistics, same.base_statistics)
        ]  # fmt: skip
    for state, expected in states:
        assert state.keys() == expected.keys()
        for name in expected:
            assert torch.equal(state[name], expected[name]), name


@pytest.mark.parametrize("n_slots", [1, 2, 3, 8])
@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize("k_p", [0, 2])
def test_a_round_in_slots_is_the_plain_round_bit_for_bit(make_run, n_slots, model_name, k_p):
    run = make_run(
        personalization_layers=k_p,
        model=model_name,
        batchnorm="own",
        augmentation="flip_and_crop",
        width=0.25,
    )
    model, base, clients = start(run, SIZES)
    clients = in_one_split(clients)
    slots = make_slots(model, clients, run, n_slots)
    plain, concurrent = clients[:], clients[:]
    plain_base = concurrent_base = base
    for round_ in (1, 2):
        plain_base, expected = server_round(model, plain_base, plain, round_, run)
        concurrent_base, reports = concurrent_round(slots, concurrent_base, concurrent, round_, run)
        assert_equal((concurrent_base, concurrent, reports), (plain_base, plain, expected))


def test_without_momentum_too(make_run):
    run = make_run(momentum=0.0)
    model, base, clients = start(run, SIZES)
    clients = in_one_split(clients)
    slots = make_slots(model, clients, run, 2)
    plain, concurrent = clients[:], clients[:]
    expected_base, expected = server_round(model, base, plain, 1, run)
    averaged, reports = concurrent_round(slots, base, concurrent, 1, run)
    assert_equal((averaged, concurrent, reports), (expected_base, plain, expected))


def test_slots_are_no_more_than_clients_and_know_all_sizes_of_batches(make_run):
    run = make_run(batch_size=4)
    model, _, clients = start(run, (10, 7, 9, 3))
    slots = make_slots(model, in_one_split(clients), run, 9)
    assert len(slots) == 4
    # 10 = 4 + 4 + 2, 7 = 4 + 3, 9 = 4 + 4 + (1, left out), 3
    assert all(slot.steps.keys() == {("all", 4), ("all", 3), ("all", 2)} for slot in slots)


def in_one_split(clients):
    """Move the clients' training samples into one split, as those of a data set are."""
    splits = [client.train.split for client in clients]
    whole = replace(
        splits[0],
        images=torch.cat([split.images for split in splits]),
        labels=torch.cat([split.labels for split in splits]),
    )
    first, moved = 0, []
    for client in clients:
        n = len(client.train)
        rows = torch.arange(first, first + n)
        moved.append(replace(client, train=replace(client.train, split=whole, rows=rows)))
        first += n
    return moved


@pytest.fixture
def partition(small_dataset):
    return draw_partition(small_dataset, SMALL.samples, 5, 4, 0)


needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="this machine has no CUDA device"
)


@pytest.fixture
def on_cuda():
    """Return a function that sets a run's device up as a run does; all is set back afterwards."""
    backends = (torch.backends, torch.backends.cudnn.conv, torch.backends.cuda.matmul)
    before = [backend.fp32_precision for backend in backends]
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield lambda run: set_up_device("cuda", run)
    torch.use_deterministic_algorithms(deterministic)
    for backend, precision in zip(backends, before, strict=True):
        backend.fp32_precision = precision


@needs_cuda
@pytest.mark.parametrize(
    "changes",
    [{}, {"model": "resnet34"}, {"personalization_layers": 0}, {"momentum": 0.0},
     {"tests": (Test("end", "own"),)}, {"augmentation": "flip_and_crop"}],
    ids=str,
)  # fmt: skip
def test_cuda_graphs_give_the_history_of_the_plain_loop(small_dataset, partition, on_cuda, changes):
    run = change(SMALL, learning_rate=0.001, **changes)
    device = on_cuda(run)
    plain, *at_once = (
        simulate(run, small_dataset, partition, device, print, n)[0] for n in (1, 2, 5, 5)
    )
    assert all(history == plain for history in at_once)


@needs_cuda
@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"precision": "tf32"}])
def test_other_precisions_learn_about_the_same_on_cuda(small_dataset, partition, on_cuda, changes):
    run = change(SMALL, learning_rate=0.001, rounds=1)
    exact, fast = (
        pd.DataFrame(simulate(each, small_dataset, partition, on_cuda(each), print, 5)[0])
        for each in (run, change(run, **changes))
    )
    assert not fast["train_loss"].equals(exact["train_loss"])
    assert np.allclose(fast["train_loss"], exact["train_loss"], rtol=0.05)

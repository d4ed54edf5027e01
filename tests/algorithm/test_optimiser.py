"""Recorded steps, on a CPU: what is recorded, and that all around a replay is as it must be.

What stands for a CUDA graph here does what one does: it takes its steps before the recording, and
then replays on the same memory. tests/cuda records for real.
"""

from dataclasses import replace

import fedper.algorithm.optimiser as module
import pytest
import torch
from conftest import start
from fedper.algorithm.federated import server_round, welcome_base
from fedper.algorithm.optimiser import Optimiser
from fedper.method import Phase
from fedper.names import MODELS

SIZES = (10, 6, 15, 9, 5)


@pytest.fixture
def recordings(monkeypatch):
    """Return a list that grows with every recording."""
    made = []

    def record(work, pool):
        for _ in range(module.WARM_UP_STEPS):
            work()
        result = work()
        made.append(work)
        return lambda: result.copy_(work()), result

    monkeypatch.setattr(module, "record", record)
    monkeypatch.setattr(module, "new_pool", lambda: (0, 0))
    return made


def in_one_split(clients):
    """Move the clients' training samples into one split, as those of a data set are."""
    splits = [client.train.split for client in clients]
    whole = replace(
        splits[0],
        images=torch.cat([split.images for split in splits]),
        labels=torch.cat([split.labels for split in splits]),
    )
    ends = torch.tensor([len(client.train) for client in clients]).cumsum(0).tolist()
    rows = [torch.arange(end - len(c.train), end) for c, end in zip(clients, ends, strict=True)]
    return [
        replace(client, train=replace(client.train, split=whole, rows=own))
        for client, own in zip(clients, rows, strict=True)
    ]


def play(run, records):
    """Play two rounds; return the states that they end with, and the losses."""
    model, base, clients = start(run, SIZES)
    clients = in_one_split(clients)
    optimiser, losses = Optimiser(model, run, records), []
    for round_ in (1, 2):
        base, reports = server_round(model, base, clients, round_, run, optimiser=optimiser)
        welcome_base(model, base, clients, round_, run, optimiser=optimiser)
        losses += [report.train_loss for report in reports]
    return [base, *(c.personal for c in clients), *(c.momentum for c in clients)], losses


PHASES = (Phase("personal", 1), Phase("base", 1), Phase("all", 1), Phase("personal", 1))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"personalization_layers": 0},
        {"momentum": 0.0},
        {"augmentation": "flip_and_crop"},
        {"optimiser_state": "carried"},
        {"train": PHASES, "new_base": (Phase("personal", 1), Phase("base", 1))},
        {"train": PHASES, "optimiser_state": "carried"},
    ],
    ids=lambda changes: ", ".join(changes) or "plain",
)
def test_recorded_steps_give_the_bits_of_plain_ones(make_run, recordings, model, changes):
    run = make_run(model=model, width=0.25, learning_rate=0.001, **changes)
    expected, losses = play(run, records=False)
    assert not recordings
    states, again = play(run, records=True)
    assert recordings
    assert again == losses
    for ours, theirs in zip(states, expected, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_step_is_recorded_once_for_each_choice_of_layers_and_size_of_batch(make_run, recordings):
    run = make_run(batch_size=4, new_base=(Phase("personal", 1),))
    play(run, records=True)
    # 10 = 4 + 4 + 2, 6 = 4 + 2, 15 = 4 + 4 + 4 + 3, 9 = 4 + 4 + (1, left out), 5 likewise
    assert len(recordings) == 2 * len({4, 3, 2})


def test_a_cpu_records_nothing_unless_it_is_told_to(make_run, recordings):
    play(make_run(), records=None)
    assert not recordings

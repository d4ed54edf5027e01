"""The engine against plain PyTorch, an independent FedAvg, and numbers worked out by hand."""

import copy
import gc
import weakref
from dataclasses import replace

import pytest
import torch
from conftest import RUN, build, random_samples, start
from fedper.algorithm import federated
from fedper.algorithm.federated import client_update, server_round
from fedper.algorithm.models import split
from fedper.algorithm.server import Server, WeightedMean
from fedper.algorithm.sgd import draw_batches, train_phases
from fedper.algorithm.state import Client, Message, Update
from fedper.algorithm.weights import initial_base, initial_personal, restore, snapshot
from fedper.names import MODELS
from fedper.randomness import seed_for
from fedper.run import change
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy


def plain_sgd(model, samples, run, rounds, client=0):
    """Train as anybody would in PyTorch, with the engine's order of batches and SGD kernel."""
    model.train()
    for round_ in rounds:
        optimiser = torch.optim.SGD(
            model.parameters(), lr=run.learning_rate, momentum=run.momentum,
            weight_decay=run.weight_decay, fused=True,
        )  # fmt: skip
        key = seed_for(run.seed, "batches", round_, client)
        generator = torch.Generator().manual_seed(key)
        for _ in range(run.method.train[0].epochs):
            order = torch.randperm(len(samples), generator=generator)
            for first in range(0, len(order), run.batch_size):
                rows = order[first : first + run.batch_size]
                images = (samples.split.images[rows].float() / 255 - 0.5) / 0.25
                images = images.contiguous(memory_format=torch.channels_last)
                loss = cross_entropy(model(images), samples.split.labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()


STEADY = {"width": 0.25, "learning_rate": 0.002, "batch_size": 6}
"""Settings with which tiny networks stay far from diverging, whatever the processor rounds."""


def assert_equal_states(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert all(torch.isfinite(value).all() for value in ours.values())
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize("model_name", MODELS)
def test_one_client_without_personal_layers_is_plain_sgd_bit_for_bit(make_run, model_name):
    run = make_run(personalization_layers=0, model=model_name, **STEADY)
    model, base, clients = start(run, sizes=(12,))
    plain = build(run)
    plain.load_state_dict(base)
    for round_ in (1, 2):
        base, _ = server_round(model, base, clients, round_, run)
    plain_sgd(plain, clients[0].train, run, rounds=(1, 2))
    assert_equal_states(base, plain.state_dict())


@pytest.mark.parametrize("model_name", MODELS)
def test_all_layers_personal_is_separate_training_bit_for_bit(make_run, model_name):
    run = make_run(personalization_layers=MODELS[model_name].n_layers, model=model_name, **STEADY)
    model, base, clients = start(run, sizes=(12, 6))
    separate = []
    for client in clients:
        plain = build(run)
        plain.load_state_dict(client.personal)
        separate.append(plain)
    for round_ in (1, 2):
        base, reports = server_round(model, base, clients, round_, run)
        assert [report.bytes_up for report in reports] == [0, 0]
    for number, (client, plain) in enumerate(zip(clients, separate, strict=True)):
        plain_sgd(plain, client.train, run, rounds=(1, 2), client=number)
        assert_equal_states(client.personal, plain.state_dict())


def test_fedavg_of_three_clients_against_an_independent_implementation(make_run):
    run = make_run(personalization_layers=0)
    sizes = (10, 6, 15)
    model, base, clients = start(run, sizes)
    server = build(run)
    server.load_state_dict(base)
    for round_ in (1, 2):
        base, _ = server_round(model, base, clients, round_, run)

        states = []
        for number, n in enumerate(sizes):
            local = copy.deepcopy(server)
            plain_sgd(local, random_samples(n, seed=number), run, (round_,), client=number)
            states.append({name: value.double() for name, value in local.state_dict().items()})
        for name, parameter in server.state_dict().items():
            total = sum(n * state[name] for n, state in zip(sizes, states, strict=True))
            mean = total / sum(sizes)
            parameter.copy_(mean if parameter.is_floating_point() else mean.round())
        assert_equal_states(base, server.state_dict())


def aggregate(messages):
    mean = WeightedMean()
    for message in messages:
        mean.add(message)
    return mean.take()


def test_aggregation_weighs_by_samples_as_worked_out_by_hand():
    messages = [
        Message({"w": torch.tensor([1.0, 4.0]), "n": torch.tensor(10)}, n_samples=1),
        Message({"w": torch.tensor([5.0, 0.0]), "n": torch.tensor(14)}, n_samples=3),
    ]
    averaged = aggregate(messages)
    # (1·1 + 3·5) / 4 = 4,  (1·4 + 3·0) / 4 = 1,  (10 + 3·14) / 4 = 13
    assert averaged["w"].tolist() == [4.0, 1.0]
    assert messages[0].base["w"].tolist() == [1.0, 4.0]
    assert averaged["n"].item() == 13
    assert averaged["w"].dtype == torch.float32
    assert averaged["n"].dtype == torch.int64


def test_aggregation_does_not_write_into_messages_of_float64():
    weights = torch.tensor([1.0], dtype=torch.float64)
    assert aggregate([Message({"w": weights}, n_samples=5)])["w"].tolist() == [1.0]
    assert weights.tolist() == [1.0]


def test_a_server_takes_no_client_for_another(make_run):
    _, base, clients = start(make_run(), sizes=(4, 4))
    server = Server(base, clients)
    with pytest.raises(ValueError, match="client 1 is not next"):
        server.receive(Update(Message(base, 4), clients[1], torch.zeros(())))


def test_aggregation_of_one_message_is_that_message_to_the_last_bit():
    weights = torch.randn(1000, generator=torch.Generator().manual_seed(0)) * 1e-3
    assert torch.equal(aggregate([Message({"w": weights}, n_samples=1237)])["w"], weights)


def test_aggregation_does_not_depend_on_the_order_of_clients():
    generator = torch.Generator().manual_seed(0)
    messages = [
        Message({"w": torch.randn(1000, generator=generator)}, n_samples=n) for n in range(90, 100)
    ]
    assert torch.equal(aggregate(messages)["w"], aggregate(messages[::-1])["w"])


@pytest.mark.parametrize("model_name", MODELS)
def test_no_personal_tensor_is_in_any_message(make_run, model_name):
    for k_p in range(MODELS[model_name].n_layers + 1):
        run = make_run(personalization_layers=k_p, model=model_name, local_epochs=1)
        model, base, (client, _) = start(run, sizes=(4, 4))
        names = [name for name, _ in model.named_children()]
        personal_names = names[len(names) - k_p :]
        upload, client, _ = client_update(model, Message(base), client, 1, run)
        assert upload.base.keys() == base.keys()
        assert not [n for n in upload.base if n.split(".")[0] in personal_names]
        assert {n.split(".")[0] for n in client.personal} <= set(personal_names)
        # nor does the message share memory with what stays, or with the model
        kept = {tensor.data_ptr() for tensor in client.personal.values()}
        kept |= {tensor.data_ptr() for tensor in model.state_dict().values()}
        assert not kept & {tensor.data_ptr() for tensor in upload.base.values()}


def test_personal_layers_differ_between_clients_and_keep_their_own_statistics(make_run):
    run = make_run(personalization_layers=2, initial_personal="independent")
    model, base, clients = start(run, sizes=(8, 8))
    first, second = (client.personal for client in clients)
    assert not torch.equal(first["classifier.fc.weight"], second["classifier.fc.weight"])
    server_round(model, base, clients, 1, run)
    first, second = (client.personal for client in clients)
    assert not torch.equal(first["block16.bn1.running_mean"], second["block16.bn1.running_mean"])


def test_all_clients_can_start_from_one_and_the_same_network_whatever_k_p_is(make_run):
    whole = initial_base(build(make_run()), make_run(personalization_layers=0))
    for k_p in (1, 4):
        _, base, clients = start(make_run(personalization_layers=k_p), sizes=(8, 8))
        for client in clients:
            assert_equal_states({**base, **client.personal}, whole)


def test_the_initial_base_is_the_same_for_every_k_p(make_run):
    whole = initial_base(build(make_run()), make_run(personalization_layers=0))
    for k_p in (1, 2, 4):
        run = make_run(personalization_layers=k_p)
        for name, tensor in initial_base(build(run), run).items():
            assert torch.equal(tensor, whole[name]), name


def test_the_initial_personal_part_depends_on_the_seed(make_run):
    one, other = (
        initial_personal(build(run), run, client=0) for run in (make_run(seed=0), make_run(seed=1))
    )
    assert not torch.equal(one["classifier.fc.weight"], other["classifier.fc.weight"])


def test_bytes_are_those_of_the_base_in_both_directions(make_run):
    run = make_run(personalization_layers=2)
    model, base, clients = start(run, sizes=(4, 8))
    _, reports = server_round(model, base, clients, 1, run)
    base_layers, _ = split(model, run.method)
    # float32 weights and statistics, and an int64 counter of batches in each BatchNorm
    n_batchnorms = sum(isinstance(m, torch.nn.BatchNorm2d) for m in base_layers.modules())
    n_floats = sum(p.numel() for p in base_layers.parameters())
    n_floats += sum(b.numel() for n, b in base_layers.named_buffers() if "running" in n)
    for report in reports:
        assert report.bytes_up == report.bytes_down == 4 * n_floats + 8 * n_batchnorms


def test_a_last_batch_of_one_sample_is_left_out(make_run):
    run = make_run(batch_size=4, local_epochs=1, weight_decay=0.0)
    model, _, clients = start(run, sizes=(5,))
    counter = model.stem[1].num_batches_tracked
    before = int(counter)
    train_phases(model, clients[0].train, run.method.train, torch.Generator().manual_seed(0), run)
    assert int(counter) - before == 1


def test_every_sample_is_seen_once_an_epoch_and_every_epoch_is_shuffled_anew(make_run, rows_seen):
    run = make_run(batch_size=4, local_epochs=3)
    model, _, (client,) = start(run, sizes=(12,))
    train_phases(model, client.train, run.method.train, torch.Generator().manual_seed(0), run)
    epochs = [rows_seen[i : i + 12] for i in (0, 12, 24)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_batches_depend_on_seed_round_and_client_and_not_on_the_order_of_clients(make_run):
    run = make_run()
    model, base, clients = start(run, sizes=(8, 8))
    forward, backward = clients[:], clients[::-1]
    server_round(model, base, forward, 1, run)
    server_round(model, base, backward, 1, run)
    assert_equal_states(forward[0].personal, backward[1].personal)
    keys = {seed_for(s, "batches", r, c) for s in (0, 1) for r in (1, 2, 11) for c in (0, 1)}
    assert len(keys) == 12


def test_the_train_loss_is_the_mean_over_the_samples_trained(make_run):
    run = make_run(learning_rate=1e-30, momentum=0.0, weight_decay=0.0, local_epochs=1)
    model, base, (client,) = start(run, sizes=(8,))
    _, _, loss = client_update(model, Message(base), client, 1, run)
    whole = build(run)
    whole.load_state_dict({**base, **client.personal})
    order = torch.randperm(
        8, generator=torch.Generator().manual_seed(seed_for(run.seed, "batches", 1, 0))
    )
    losses = []
    for rows in (order[:4], order[4:]):
        images, labels = client.train.split.batch(rows)
        losses.append(cross_entropy(whole.train()(images), labels).item())
    assert loss.item() == pytest.approx(sum(losses) / 2, rel=1e-5)


def test_client_is_never_changed_in_place(make_run):
    run = make_run()
    model, base, (client,) = start(run, sizes=(8,))
    before = {name: tensor.clone() for name, tensor in client.personal.items()}
    base_before = {name: tensor.clone() for name, tensor in base.items()}
    _, after, _ = client_update(model, Message(base), client, 1, run)
    assert isinstance(after, Client)
    assert_equal_states(client.personal, before)
    assert_equal_states(base, base_before)
    assert not torch.equal(after.personal["classifier.fc.weight"], before["classifier.fc.weight"])


def test_snapshot_is_a_copy(make_run):
    model = build(make_run())
    state = snapshot(model)
    with torch.no_grad():
        model.classifier.fc.bias.add_(1)
    assert not torch.equal(state["classifier.fc.bias"], model.classifier.fc.bias)


def test_restoring_brings_every_tensor_back_and_wants_them_all(make_run):
    model = build(make_run())
    for number, tensor in enumerate(model.state_dict().values()):
        tensor.fill_(number)
    state = snapshot(model)
    other = build(make_run())
    restore(other, state)
    assert_equal_states(other.state_dict(), state)
    del state["block1.bn1.running_mean"]
    with pytest.raises(KeyError, match=r"block1.bn1.running_mean"):
        restore(other, state)
    other_shape = {**snapshot(model), "stem.1.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"stem.1.weight: \[1\], not \[8\]"):
        restore(model, other_shape)
    with pytest.raises(KeyError, match=r"only in the state: block99"):
        restore(model, {**snapshot(model), "block99.weight": torch.zeros(1)})


def test_when_a_client_trains_nothing_of_the_last_one_is_in_memory_twice(make_run, monkeypatch):
    """A round with a thousand clients must not need two thousand personal parts, or messages."""
    run = make_run(personalization_layers=2)
    model, base, clients = start(run, sizes=(8, 6, 10))
    drawn = [weakref.ref(client.personal["classifier.fc.weight"]) for client in clients]
    uploads, begun = [], []

    def spy(*arguments):
        gc.collect()
        begun.append([reference() is None for reference in (*drawn, *uploads)])
        update = client_update(*arguments)
        uploads.append(weakref.ref(update.upload))
        return update

    monkeypatch.setattr(federated, "client_update", spy)
    server_round(model, base, clients, 1, run)
    assert begun == [
        [False, False, False],
        [True, False, False, True],
        [True, True, False, True, True],
    ]


@settings(deadline=None)
@given(n=st.integers(1, 200), batch_size=st.integers(1, 50), smallest=st.sampled_from([1, 2]))
def test_an_epoch_has_every_sample_once_but_those_of_a_last_batch_that_is_too_small(
    n, batch_size, smallest
):
    samples = replace(random_samples(n, 0, size=1), smallest_batch=smallest)
    run = change(RUN, batch_size=batch_size)
    drawn = [rows for rows, _ in draw_batches(samples, 2, torch.Generator(), run)]
    whole, rest = divmod(n, batch_size)
    sizes = [size for size in [batch_size] * whole + [rest] if size >= smallest]
    assert [len(rows) for rows in drawn] == 2 * sizes
    for epoch in (drawn[: len(sizes)], drawn[len(sizes) :]):
        rows = torch.cat([*epoch, torch.empty(0, dtype=torch.int64)])
        assert len(rows.unique()) == len(rows) == sum(sizes)

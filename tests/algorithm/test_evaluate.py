"""Evaluation: what BatchNorm uses, and that it leaves no trace."""

from dataclasses import replace

import pytest
import torch
from conftest import STATISTICS, build, evaluate_client, evaluate_round, random_samples, start
from fedper.algorithm.evaluate import reestimate_statistics, score
from fedper.algorithm.federated import client_update, server_round
from fedper.algorithm.state import Message
from fedper.method import Test
from fedper.train.examiner import Examiner
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn


def trained(run):
    """Train for a round at a low rate: on so few random images the run's own diverges."""
    model, base, clients = start(run, sizes=(10, 6))
    base, _ = server_round(model, base, clients, 1, replace(run, learning_rate=0.001))
    return model, base, clients


@pytest.mark.parametrize("statistics", STATISTICS)
def test_evaluation_leaves_every_tensor_as_it_was(make_run, statistics):
    run = make_run(batchnorm=statistics)
    model, base, clients = trained(run)
    states = [base, *(c.personal for c in clients), *(c.base_statistics for c in clients)]
    copies = [{name: tensor.clone() for name, tensor in state.items()} for state in states]
    pixels = [client.train.split.images.clone() for client in clients]

    first = evaluate_round(model, base, clients, 1, run)
    whole = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert evaluate_round(model, base, clients, 1, run) == first

    for state, copy in zip(states, copies, strict=True):
        assert all(torch.equal(state[name], copy[name]) for name in state)
    for client, before in zip(clients, pixels, strict=True):
        assert torch.equal(client.train.split.images, before)
    assert all(torch.equal(model.state_dict()[name], whole[name]) for name in whole)
    if statistics != "own":
        last = {**base, **clients[-1].personal}
        assert all(torch.equal(whole[name], last[name]) for name in whole)


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_restores_the_mode(make_run, training):
    run = make_run()
    model, base, clients = trained(run)
    model.train(training)
    evaluate_round(model, base, clients, 1, run)
    assert all(module.training == training for module in model.modules())


def test_score_counts_and_averages_like_one_pass_over_everything(make_run):
    model = build(make_run())
    samples = random_samples(21, seed=5)
    run = make_run()
    n_correct, balanced, n_commonest, loss = score(
        model.eval(), samples, samples.chunks(8), run
    ).tolist()
    images, labels = samples.split.batch(torch.arange(21))
    with torch.no_grad():
        outputs = model.eval()(images)
    hits = (outputs.argmax(1) == labels).tolist()
    of_class = [
        [hit for hit, label in zip(hits, labels.tolist(), strict=True) if label == c]
        for c in set(labels.tolist())
    ]
    assert balanced == pytest.approx(sum(sum(own) / len(own) for own in of_class) / len(of_class))
    assert n_commonest == max(map(len, of_class))
    assert n_correct == (outputs.argmax(1) == labels).sum().item()
    assert loss == pytest.approx(cross_entropy(outputs, labels).item(), rel=1e-5)


def test_each_setting_uses_the_statistics_it_names(make_run):
    """Score one client by hand with each choice of statistics; the engine must agree."""
    model, base, clients = trained(make_run(batchnorm="own"))
    client = clients[1]
    by_hand = {}
    for statistics in STATISTICS:
        hand = build(make_run())
        hand.load_state_dict({**base, **client.personal})
        if statistics == "own":
            hand.load_state_dict(client.base_statistics, strict=False)
        if statistics == "reestimated":
            _set_statistics_from_one_batch(hand, client.train)
        images, labels = client.test.split.batch(torch.arange(len(client.test)))
        with torch.no_grad():
            hand.train(statistics == "test batch")
            by_hand[statistics] = cross_entropy(hand(images), labels).item()
    assert len(set(by_hand.values())) == 4
    for statistics in STATISTICS:
        run = make_run(batchnorm=statistics, evaluation_batch_size=100, batch_size=100)
        loss = evaluate_client(model, base, client, 1, run).loss
        assert loss == pytest.approx(by_hand[statistics], rel=1e-4), statistics


def _set_statistics_from_one_batch(model, samples):
    """Write mean and unbiased variance of each BatchNorm's input into it, by hooks."""

    def record(module, inputs):
        x = inputs[0]
        module.running_mean.copy_(x.mean(dim=(0, 2, 3)))
        module.running_var.copy_(x.var(dim=(0, 2, 3), unbiased=True))
        module.momentum = 0.0

    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    images, _ = samples.split.batch(torch.arange(len(samples)))
    with torch.no_grad():
        model.train()(images)
    for hook in hooks:
        hook.remove()


def test_reestimation_looks_at_no_test_image(make_run):
    run = make_run()
    model, base, clients = trained(run)
    client = clients[0]
    shown = []
    model.register_forward_pre_hook(
        lambda module, inputs: shown.append((module.training, len(inputs[0])))
    )
    evaluate_client(model, base, client, 1, run)
    n_train = sum(n for training, n in shown if training)
    n_test = sum(n for training, n in shown if not training)
    assert (n_train, n_test) == (len(client.train), len(client.test))


def test_reestimation_never_feeds_a_single_sample(make_run):
    model = build(make_run())
    sizes = []
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    reestimate_statistics(model, random_samples(9, seed=0), make_run(evaluation_batch_size=8))
    assert sizes == [5, 4]


def test_every_client_is_scored_with_its_own_personal_part(make_run):
    run = make_run(personalization_layers=1)
    model, base, clients = trained(run)
    for client, other in (clients, clients[::-1]):
        foreign = replace(client, personal=other.personal)
        swapped = evaluate_client(model, base, foreign, 1, run)
        assert evaluate_client(model, base, client, 1, run).loss != swapped.loss


@pytest.mark.parametrize("n", [5, 9, 21])
def test_reestimation_is_that_of_pytorch_bit_for_bit(make_run, n):
    run = make_run(evaluation_batch_size=8)
    ours, theirs = build(run), build(run)
    theirs.load_state_dict(ours.state_dict())
    samples = random_samples(n, seed=1)
    update_bn((samples.split.batch(rows) for rows in samples.chunks(8)), theirs)
    reestimate_statistics(ours, samples, run)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name
    assert all(m.momentum == 0.1 for m in ours.modules() if isinstance(m, nn.BatchNorm2d))


def test_other_tests_are_due_every_n_rounds_and_in_the_last(make_run):
    reference, before = Test("end", "averaged"), Test("before", "averaged")
    run = make_run(tests=(reference, before), other_tests_every=3, rounds=7)
    due = {n: Examiner(n, run).due("before") for n in range(1, 8)}
    assert [n for n, tests in due.items() if tests] == [3, 6, 7]
    assert all(Examiner(n, run).due("end") == [reference] for n in range(1, 8))


def test_before_aggregation_a_clients_own_base_is_tested(make_run):
    """With the model as local training left it: by hand, from what the client uploads."""
    run = make_run(tests=(Test("end", "averaged"), Test("before", "averaged")))
    model, base, clients = start(run, sizes=(10, 6))
    examiner = Examiner(1, run)
    updates = [client_update(model, Message(base), client, 1, run, examiner) for client in clients]
    for update, score_ in zip(updates, examiner.scores(), strict=True):
        hand = build(run)
        hand.load_state_dict({**update.upload.base, **update.client.personal})
        images, labels = update.client.test.split.batch(update.client.test.rows)
        with torch.no_grad():
            outputs = hand.eval()(images)
        assert score_.test == "before averaged"
        assert score_.loss == pytest.approx(cross_entropy(outputs, labels).item(), rel=1e-4)
        assert score_.n_correct == (outputs.argmax(1) == labels).sum().item()


def test_test_batches_that_are_too_small_join_the_one_before():
    samples = replace(random_samples(9, seed=0), smallest_batch=2)
    assert list(map(len, samples.batches(4))) == [4, 5]
    assert list(map(len, random_samples(9, seed=0).batches(4))) == [4, 4, 1]
    assert list(map(len, samples.batches(3))) == [3, 3, 3]
    assert torch.cat(samples.batches(4)).tolist() == list(range(9))

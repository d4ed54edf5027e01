"""The variants of Figure 6, each against a plain PyTorch loop or a count by hand."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SMALL, build, evaluate_client, evaluate_round, start
from fedper.algorithm.evaluate import reestimate_statistics
from fedper.algorithm.federated import server_round, welcome_base
from fedper.algorithm.models import split, with_linear_base
from fedper.data.dataset import Split, make_dataset
from fedper.data.make_partition import partition_by_client
from fedper.job.simulate import simulate
from fedper.method import Phase, Test
from fedper.names import MODELS
from fedper.randomness import seed_for
from fedper.run import change
from torch import nn
from torch.nn.functional import cross_entropy


def plain_epochs(model, parameters, samples, epochs, seed, run):
    """Train with nothing but PyTorch: the same optimiser on the same shuffled batches."""
    optimiser = torch.optim.SGD(
        parameters,
        lr=run.learning_rate,
        momentum=run.momentum,
        weight_decay=run.weight_decay,
        fused=True,
    )
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(epochs):
        for index in torch.randperm(len(samples), generator=generator).split(run.batch_size):
            images, labels = samples.split.batch(index)
            optimiser.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimiser.step()


def test_fine_tuning_trains_the_personal_layers_alone_as_plain_pytorch_does(make_run):
    run = make_run(new_base=(Phase("personal", 2),))
    model, base, (client,) = start(run, sizes=(12,))
    before = copy.deepcopy(base)
    clients = [client]
    welcome_base(model, base, clients, 3, run)
    (tuned,) = clients

    plain = build(run)
    plain.load_state_dict({**base, **client.personal})
    frozen, personal = split(plain, run.method)
    frozen.requires_grad_(False)
    seed = seed_for(run.seed, "fine-tuning batches", 3, client.number)
    plain_epochs(plain, list(personal.parameters()), client.train, 2, seed, run)
    for name, tensor in personal.state_dict().items():
        assert torch.equal(tuned.personal[name], tensor), name
    assert all(torch.equal(base[name], before[name]) for name in base)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert any(not torch.equal(tuned.personal[n], client.personal[n]) for n in client.personal)


def test_fine_tuned_clients_are_tested_before_and_after_tuning_as_plain_pytorch_does(make_run):
    """The tuned model's test uses what tuning made of the base's BatchNorm statistics."""
    tests = (Test("end", "averaged"), Test("after", "averaged"))
    run = make_run(new_base=(Phase("personal", 1),), tests=tests)
    model, base, clients = start(run, sizes=(12, 8))
    scores = {
        (score.client, score.test): score for score in evaluate_round(model, base, clients, 3, run)
    }
    for client in clients:
        plain = build(run)
        plain.load_state_dict({**base, **client.personal})
        images, labels = client.test.split.batch(client.test.rows)
        for test in ("after averaged", "end averaged"):
            with torch.no_grad():
                loss = cross_entropy(plain.eval()(images), labels).item()
            assert scores[client.number, test].loss == pytest.approx(loss, rel=1e-4)
            frozen, personal = split(plain, run.method)
            frozen.requires_grad_(False)
            seed = seed_for(run.seed, "fine-tuning batches", 3, client.number)
            plain_epochs(plain, list(personal.parameters()), client.train, 1, seed, run)


def test_fine_tuning_before_a_test_is_that_of_plain_pytorch_and_is_forgotten(make_run):
    tuned = Test("end", "reestimated", train=(Phase("all", 2),))
    run = make_run(personalization_layers=0, tests=(tuned,))
    model, base, clients = start(run, sizes=(12, 8))
    base, _ = server_round(model, base, clients, 1, run)
    client = clients[0]
    found = evaluate_client(model, base, client, 5, run)
    assert evaluate_client(model, base, client, 5, run) == found
    assert all(torch.equal(model.state_dict()[name], base[name]) for name in base)

    plain = build(run)
    plain.load_state_dict(base)
    seed = seed_for(run.seed, "evaluation batches", 5, client.number)
    plain_epochs(plain, list(plain.parameters()), client.train, 2, seed, run)
    reestimate_statistics(plain, client.train, run)
    images, labels = client.test.split.batch(torch.arange(len(client.test)))
    with torch.no_grad():
        outputs = plain.eval()(images)
    assert found.n_correct == (outputs.argmax(1) == labels).sum().item()
    assert found.loss == pytest.approx(cross_entropy(outputs, labels).item(), rel=1e-4)


def test_a_fresh_head_is_tuned_on_the_base_as_plain_pytorch_does_and_forgotten(make_run):
    """FedBABU's test: the personal layers as they were before the first round, then trained."""
    tests = (Test("end", "averaged"), Test("end", "averaged", "fresh", (Phase("personal", 1),)))
    run = make_run(tests=tests, initial_personal="independent", other_tests_every=1)
    model, base, clients = start(run, sizes=(12, 8))
    begun_with = clients[1].personal
    base, _ = server_round(model, base, clients, 1, run)
    kept = {name: tensor.clone() for name, tensor in clients[1].personal.items()}
    scores = evaluate_round(model, base, clients, 3, run)
    found = {(score.client, score.test): score for score in scores}
    assert all(torch.equal(clients[1].personal[name], kept[name]) for name in kept)

    plain = build(run)
    plain.load_state_dict({**base, **begun_with})
    frozen, personal = split(plain, run.method)
    frozen.requires_grad_(False)
    seed = seed_for(run.seed, "evaluation batches", 3, 1)
    plain_epochs(plain, list(personal.parameters()), clients[1].train, 1, seed, run)
    images, labels = clients[1].test.split.batch(clients[1].test.rows)
    with torch.no_grad():
        loss = cross_entropy(plain.eval()(images), labels).item()
    assert found[1, "end averaged (fresh, personal tuned)"].loss == pytest.approx(loss, rel=1e-4)
    assert found[1, "end averaged"].loss != pytest.approx(loss, rel=1e-2)


def test_what_a_test_trains_changes_no_other_test_and_no_round(make_run):
    """As FedAvg, with its reference first and last: tests are sorted as the run lists them."""
    reference, tuned = Test("end", "averaged"), Test("end", "averaged", train=(Phase("all", 1),))
    own = Test("end", "own")
    found = []
    for tests in ((reference, own), (reference, tuned, own)):
        run = make_run(tests=tests, other_tests_every=1)
        model, base, clients = start(run, sizes=(12, 8))
        for round_ in (1, 2):
            base, _ = server_round(model, base, clients, round_, run)
            scores = evaluate_round(model, base, clients, round_, run)
        found.append((base, [score for score in scores if score.test != tuned.name]))
        assert [score.test for score in scores] == 2 * [test.name for test in tests]
    assert found[0][1] == found[1][1]
    assert all(torch.equal(found[0][0][name], found[1][0][name]) for name in base)


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize("k_p", [1, 2, 4])
def test_a_linear_base_is_one_linear_map_under_the_same_personal_layers(make_run, model_name, k_p):
    run = make_run(model=model_name, personalization_layers=k_p, stem="cifar")
    full = build(run)
    model = with_linear_base(full, run.method, (16, 16))
    base, personal = split(model, run.method)
    assert [type(m) for m in base.modules() if list(m.parameters(recurse=False))] == [nn.Linear]
    assert [n for n, _ in personal.named_children()] == [
        n for n, _ in split(full, run.method)[1].named_children()
    ]
    images = torch.randn(3, 3, 16, 16)
    linear = base[0].fc
    assert linear.in_features == 3 * 16 * 16
    by_hand = images.reshape(3, -1) @ linear.weight.T + linear.bias
    torch.testing.assert_close(base(images).flatten(1), by_hand)
    expected = split(full.eval(), run.method)[0](images).shape
    assert base(images).shape == (expected if k_p > 1 else (*expected[:2], 1, 1))
    assert model.eval()(images).shape == (3, 10)


def by_worker(n_clients: int):
    """Draw a data set whose samples say who holds them: five classes, 12 and 8 a client."""
    generator = np.random.default_rng(0)

    def side(n: int) -> Split:
        images = generator.integers(0, 256, (n * n_clients, 3, 32, 32), dtype=np.uint8)
        labels = generator.integers(0, 5, n * n_clients)
        return Split(images, labels, np.repeat(np.arange(n_clients), n))

    return make_dataset(side(12), side(8), 5, {"source": "test"})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"new_base": (Phase("personal", 1),)},
        {"personalization_layers": 0, "tests": (Test("end", "own", train=(Phase("all", 1),)),)},
        {"base": "linear"},
        {"personalization_layers": 15},
    ],
    ids=["plain", "fine-tuned", "FedAvg fine-tuned", "linear base", "local training"],
)
def test_every_variant_runs_on_data_of_workers(make_run, changes):
    run = change(SMALL, classes_per_client=None, n_clients=3, batch_size=12, **changes)
    data = by_worker(3)
    partition = partition_by_client(data, 3, run.seed)
    lines: list[str] = []
    history = pd.DataFrame(
        simulate(run, data, partition, torch.device("cpu"), lines.append).history
    )
    assert len(history) == run.rounds * 3
    assert history["samples"].tolist() == [8] * len(history)
    assert np.isfinite(history["test_loss"]).all()
    sent = history["bytes_up"].iloc[0]
    assert (sent == 0) == (run.method.personalization_layers == 15)
    assert run.name.startswith("cifar10-mobilenet_v1-fed")

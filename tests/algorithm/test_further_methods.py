"""FedRep and LG-FedAvg, as lists of phases, against plain loops written from their papers."""

import copy

import torch
from conftest import start
from fedper.algorithm.federated import server_round
from fedper.method import Phase
from fedper.randomness import seed_for
from torch import nn
from torch.nn.functional import cross_entropy

SIZES = (12, 18, 24)
STEADY = {"model": "mobilenet_v1", "width": 0.25, "learning_rate": 0.002, "batch_size": 6}


def epochs(model, parameters, samples, n, generator, run):
    """Train some parameters of a plain model for n epochs, momentum from zero."""
    chosen = set(parameters)
    for parameter in model.parameters():
        parameter.requires_grad = parameter in chosen
    optimiser = torch.optim.SGD(
        parameters, lr=run.learning_rate, momentum=run.momentum, weight_decay=run.weight_decay,
        fused=True,
    )  # fmt: skip
    model.train()
    for _ in range(n):
        for rows in torch.randperm(len(samples), generator=generator).split(run.batch_size):
            images, labels = samples.split.batch(rows)
            optimiser.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimiser.step()


def mean_of(models: list[nn.Module], names: list[str]) -> dict[str, torch.Tensor]:
    """Average the clients' layers by their numbers of samples, in float64."""
    states = [model.state_dict() for model in models]
    total = {n: sum(s[n].double() * w for s, w in zip(states, SIZES, strict=True)) for n in names}
    mean = {n: value / sum(SIZES) for n, value in total.items()}
    return {
        n: (v if states[0][n].is_floating_point() else v.round()).to(states[0][n].dtype)
        for n, v in mean.items()
    }


def plain_models(model, base, clients):
    models = []
    for client in clients:
        plain = copy.deepcopy(model)
        plain.load_state_dict({**base, **client.personal})
        models.append(plain)
    return models


def play(run, n_rounds: int = 2):
    """Two rounds of the engine; the plain models as they were at the start, and what came out."""
    model, base, clients = start(run, SIZES)
    models = plain_models(model, base, clients)
    for round_ in range(1, n_rounds + 1):
        base, _ = server_round(model, base, clients, round_, run)
    return models, base, clients


def assert_equal(ours, theirs):
    for name, value in ours.items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, theirs[name]), name


def test_fedrep_trains_the_head_and_then_the_body(make_run):
    """Collins et al. 2021: the head for some epochs, the body frozen; then the body."""
    phases = (Phase("personal", 3), Phase("base", 1))
    run = make_run(name="FedRep", train=phases, personalization_layers=1, **STEADY)
    models, base, clients = play(run)
    shared = [name for name in models[0].state_dict() if not name.startswith("classifier")]
    for round_ in (1, 2):
        for number, (plain, client) in enumerate(zip(models, clients, strict=True)):
            key = seed_for(run.seed, "batches", round_, number)
            generator = torch.Generator().manual_seed(key)
            head = list(plain.classifier.parameters())
            body = [p for n, p in plain.named_parameters() if not n.startswith("classifier")]
            epochs(plain, head, client.train, 3, generator, run)
            epochs(plain, body, client.train, 1, generator, run)
        mean = mean_of(models, shared)
        for plain in models:
            plain.load_state_dict(mean, strict=False)
    assert_equal(base, models[0].state_dict())
    for client, plain in zip(clients, models, strict=True):
        assert_equal(client.personal, plain.state_dict())


def test_lg_fedavg_shares_the_last_layers_and_keeps_the_first(make_run):
    """Liang et al. 2020: representations are local, the layers after them are averaged."""
    run = make_run(name="LG-FedAvg", personal="first", personalization_layers=13, **STEADY)
    models, base, clients = play(run)
    shared = [n for n in models[0].state_dict() if n.startswith(("block13.", "classifier."))]
    assert sorted(base) == sorted(shared)
    for round_ in (1, 2):
        for number, (plain, client) in enumerate(zip(models, clients, strict=True)):
            key = seed_for(run.seed, "batches", round_, number)
            generator = torch.Generator().manual_seed(key)
            epochs(plain, list(plain.parameters()), client.train, 2, generator, run)
        mean = mean_of(models, shared)
        for plain in models:
            plain.load_state_dict(mean, strict=False)
    assert_equal(base, models[0].state_dict())
    for client, plain in zip(clients, models, strict=True):
        assert_equal(client.personal, plain.state_dict())

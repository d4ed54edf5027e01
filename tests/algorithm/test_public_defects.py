"""Each known defect of the public replication is a test here that it is not repeated."""

import numpy as np
import pytest
import torch
from conftest import RUN, build, evaluate_round, random_samples, start
from fedper.algorithm.federated import client_update
from fedper.algorithm.models import split
from fedper.algorithm.sgd import train_phases
from fedper.algorithm.state import Message
from fedper.algorithm.weights import initial_base
from fedper.data.make_partition import draw_by_class
from fedper.names import MODELS
from torch import nn


def test_batchnorm_learns_nothing_from_test_data(make_run):
    """There, the test runs in training mode."""
    run = make_run()
    model, base, clients = start(run, sizes=(8, 8))
    modes = []
    model.register_forward_pre_hook(lambda module, x: modes.append((module.training, x[0])))
    evaluate_round(model, base, clients, 1, run)
    test_images = [client.test.split.batch(torch.arange(len(client.test)))[0] for client in clients]
    in_training_mode = torch.cat([x for training, x in modes if training])
    for images in test_images:
        for image in images:
            assert not (in_training_mode == image).flatten(1).all(dim=1).any()
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, {**base, **clients[-1].personal}[name]), name


def test_batches_are_shuffled(make_run, rows_seen):
    """There, every epoch has the same batches in the same order."""
    run = make_run(local_epochs=2)
    model, _, (client,) = start(run, sizes=(16,))
    train_phases(model, client.train, run.method.train, torch.Generator().manual_seed(1), run)
    assert rows_seen[:16] != sorted(rows_seen[:16])
    assert rows_seen[:16] != rows_seen[16:]


def test_pixels_are_scaled_before_they_are_normalised():
    """There, pixels of 0 … 255 are normalised by the statistics of 0 … 1."""
    samples = random_samples(50, seed=0)
    images, _ = samples.split.batch(torch.arange(50))
    assert images.min().item() == pytest.approx((0 - 0.5) / 0.25)
    assert images.max().item() == pytest.approx((1 - 0.5) / 0.25)


@pytest.mark.parametrize("name", MODELS)
def test_the_architecture_and_its_head_are_the_same_for_every_k_p(make_run, name):
    """There, ResNet-34 at K_P = 1 has 1000 outputs, and MobileNet-v1 lacks its 13th block."""
    model = build(make_run(model=name))
    n_parameters = sum(p.numel() for p in model.parameters())
    for k_p in range(MODELS[name].n_layers + 1):
        base, personal = split(model, make_run(personalization_layers=k_p).method)
        heads = [m for part in (base, personal) for m in part.modules() if isinstance(m, nn.Linear)]
        assert [head.out_features for head in heads] == [10]
        parts = sum(p.numel() for part in (base, personal) for p in part.parameters())
        assert parts == n_parameters


def test_clients_weigh_by_samples_and_not_by_batches(make_run):
    """There, 5 samples in two batches of 4 would weigh as much as 8."""
    run = make_run(batch_size=4)
    model, base, clients = start(run, sizes=(5, 8))
    uploads = [client_update(model, Message(base), client, 1, run)[0] for client in clients]
    assert [upload.n_samples for upload in uploads] == [5, 8]


def test_the_seed_reaches_partition_initialisation_and_batches(make_run):
    """There, nothing reads the seed of the configuration."""
    labels = np.repeat(np.arange(10), 40)
    drawn = [draw_by_class(labels, labels, 10, RUN.samples, 10, 4, seed) for seed in (0, 1)]
    one, other = drawn
    assert one.clients != other.clients

    runs = [make_run(seed=seed) for seed in (0, 1)]
    bases = [initial_base(build(run), run) for run in runs]
    assert not torch.equal(bases[0]["stem.0.weight"], bases[1]["stem.0.weight"])

    model, base, (client,) = start(runs[0], sizes=(12,))
    trained = [client_update(model, Message(base), client, 1, run)[0].base for run in runs]
    assert not torch.equal(trained[0]["stem.0.weight"], trained[1]["stem.0.weight"])


def test_the_split_is_drawn_once_and_stays(make_run):
    """There, training and test samples are split again, without a seed, at every call."""
    labels = np.repeat(np.arange(10), 40)
    np.random.default_rng(0).shuffle(labels)
    drawn = [draw_by_class(labels, labels, 10, RUN.samples, 10, 4, 0) for _ in range(2)]
    first, second = drawn
    assert first == second
    run = make_run()
    model, base, clients = start(run, sizes=(8, 8))
    for round_ in (1, 2):
        _, after, _ = client_update(model, Message(base), clients[0], round_, run)
        assert after.train is clients[0].train
        assert after.test is clients[0].test

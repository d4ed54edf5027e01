"""Three rounds of the evidence's runs on real CIFAR-10, against the plain PyTorch loop.

All ten clients and all tests of config/cpu.yaml, to the last correct count. The quick case takes a
twentieth of the images; the slow one the runs as they are, but for their number of rounds.
"""

import plain_protocol as plain
import pytest
import torch
from conftest import REPOSITORY
from fedper.data.make_partition import make_partition
from fedper.data.prepare import prepare
from fedper.job.progress import Progress
from fedper.job.simulate import play_rounds
from fedper.plan.config import read_config
from fedper.plan.experiments import runs_of_figures
from fedper.randomness import seed_for
from fedper.run import change
from fedper.train.set_up import set_up

FOLDER = REPOSITORY / "data/raw/cifar10"
ROUNDS = 3
NAMES = {
    "before averaged": "before",
    "end averaged": "after",
    "end reestimated": "reestimated",
    "end own": "own",
    "end test batch": "test batch",
    "end averaged (all tuned)": "tuned",
    "end averaged (fresh, personal tuned)": "fresh",
}
"""What the plain loop calls each test."""

pytestmark = pytest.mark.skipif(
    not list(FOLDER.glob("*.parquet")), reason="no real CIFAR-10 in data/raw/cifar10"
)


@pytest.fixture(scope="module")
def dataset():
    files = dict.fromkeys(path.name for path in sorted(FOLDER.glob("*.parquet")))
    files = {name: {"sha256": "unknown"} for name in files}
    receipt = {"source": "files", "folder": str(FOLDER), "files": files}
    made, _ = prepare({"dataset": "cifar10", "stand_in": None}, receipt, None, 1)
    return made


def evidence_run(method, images_per_class):
    """Take FedAvg or FedPer at k = 4, MobileNet-v1, from the configuration."""
    config = read_config(REPOSITORY / "config/cpu.yaml", {})
    config["datasets"]["cifar10"]["partition"]["images_per_class"] = images_per_class
    config["datasets"]["cifar10"]["rounds"] = ROUNDS
    config["datasets"]["cifar10"]["tests"]["others_every"] = 1
    (run,) = [
        run for run in runs_of_figures(config).values()
        if (run.method.name, run.classes_per_client, run.model, run.seed, run.dataset)
        == (method, 4, "mobilenet_v1", 0, "cifar10")
        and run.method.personalization_layers in (0, 2)
    ]  # fmt: skip
    return run


def play_plainly(model, run, dataset, partition):
    images = (torch.from_numpy(dataset.train.images).float() / 255 - 0.5) / 0.5
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(dataset.train.labels)
    clients = [
        plain.Client(images[of.train], labels[of.train], images[of.test], labels[of.test])
        for of in partition.clients
    ]

    def order(round_, client, purpose):
        name, epochs = {"training": ("batches", 4), "testing": ("evaluation batches", 1)}[purpose]
        generator = torch.Generator().manual_seed(seed_for(run.seed, name, round_, client))
        n = len(clients[client].train_labels)
        shuffled = [torch.randperm(n, generator=generator) for _ in range(epochs)]
        return [rows for epoch in shuffled for rows in epoch.split(128)]

    settings = plain.Settings(
        n_rounds=ROUNDS, n_personal=run.method.personalization_layers, learning_rate=0.01,
        momentum=0.9, fine_tuning=False, test_batch=None, batch=128, further_tests=True,
    )  # fmt: skip
    return plain.play(model, clients, order, settings)


@pytest.mark.parametrize("method", ["FedAvg", "FedPer"])
@pytest.mark.parametrize("images_per_class", [250, pytest.param(5000, marks=pytest.mark.slow)])
def test_three_rounds_on_real_images_are_those_of_a_plain_loop(dataset, method, images_per_class):
    run = evidence_run(method, images_per_class)
    partition = make_partition(dataset, run.samples, 10, 4, run.seed)
    model, *beginning = set_up(run, dataset, partition, torch.device("cpu"))
    progress = Progress(*beginning)
    values = [*progress.base.values(), *progress.clients[0].personal.values()]
    model.load_state_dict(dict(zip(model.state_dict(), values, strict=True)))

    played = play_plainly(model, run, dataset, partition)
    play_rounds(change(run, rounds=ROUNDS), model, progress, lambda line: None)

    names = {test.name for test in run.tests}
    without = {"end averaged (fresh, personal tuned)"} if method == "FedAvg" else set()
    assert names == set(NAMES) - without
    rows = progress.history
    assert len(rows) == ROUNDS * 10 * len(names)
    wrong = [
        (row["round"], row["client"], row["test"], row["correct"], theirs.n_correct)
        for row in rows
        for theirs in [played.tests[row["round"], row["client"], NAMES[row["test"]]]]
        if (row["correct"], row["samples"]) != (theirs.n_correct, theirs.n_images)
    ]
    assert not wrong
    bases = zip(progress.base.values(), played.base.values(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in bases)

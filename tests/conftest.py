"""Small worlds for tests: runs, samples, clients and data sets of a few random images."""

import json
import os
import runpy
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from unittest import mock

# Threads of OpenMP that wait leave the core to others, such as tests beside this one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from fedper.algorithm.federated import welcome_base
from fedper.algorithm.models import build_model
from fedper.algorithm.samples import DeviceSplit, Samples
from fedper.algorithm.state import Client, State
from fedper.algorithm.weights import initial_base, initial_personal
from fedper.data.dataset import Dataset, Split, make_dataset
from fedper.method import Method, Phase, Test
from fedper.run import Run, change
from fedper.train.examiner import Examiner, Score
from fedper.train.set_up import smallest_batch
from torch import nn

pytest_plugins = ["dvc_world"]

REPOSITORY = Path(__file__).parent.parent

LONGEST = ("test_pipeline", "test_real_images", "test_checkpoint", "test_dvc_scales")
"""Files of tests that begin first, so that no worker is left with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them first; pytest calls this."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


_schema = yaml.safe_load((REPOSITORY / "scripts/fedper/plan/schema.yaml").read_text("utf-8"))
STATISTICS = _schema["$defs"]["test"]["properties"]["batchnorm"]["enum"]
"""What BatchNorm can use in a test."""

SHIFT = int(os.environ.get("FEDPER_TEST_SEED", "0"))
"""Added to the seeds of made-up data: no test may rest on these numbers alone."""

RUN = Run(
    dataset="cifar10",
    stand_in=None,
    n_clients=3,
    classes_per_client=4,
    samples={
        "rule": "balanced",
        "images_per_class": 20,
        "test": {"from": "official", "images_per_class": 20},
    },
    model="resnet34",
    width=0.125,  # with fewer than 8 channels, oneDNN for AVX2 writes beyond its buffers
    stem="imagenet",
    method=Method(
        name="FedPer",
        personal="last",
        personalization_layers=2,
        base="full",
        train=(Phase("all", 2),),
        new_base=(),
    ),
    rounds=2,
    batch_size=4,
    learning_rate=0.02,
    momentum=0.9,
    weight_decay=0.0005,
    optimiser_state="anew",
    pixels="centred",
    augmentation="none",
    initial_personal="same",
    tests=(Test("end", "reestimated"),),
    other_tests_every=1,
    evaluation_batch_size=8,
    threads=1,
    precision="float32",
    deterministic=True,
    seed=7,
)


SMALL = change(
    RUN, n_clients=5, model="mobilenet_v1", width=0.25, local_epochs=1, batch_size=8, seed=0
)
"""A run that a whole simulation of ``small_dataset`` can be made of, wide enough not to diverge."""


def run_main(script: str, *arguments: object) -> tuple[int, str]:
    """Run a script in this process; return its exit status and its last words on stderr.

    As Python does, take ``sys.exit("…")`` for a line on stderr and status 1.
    """
    path = str(REPOSITORY / "scripts" / script)
    with mock.patch.object(sys, "argv", [path, *map(str, arguments)]):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            return (1, end.code) if isinstance(end.code, str) else (end.code or 0, "")
    return 0, ""


def prepare_files(folder: Path, out: Path, settings: dict) -> tuple[int, str]:
    """Fetch from files at hand and prepare, as the pipeline does; exit status and last words.

    The receipt is ``out``/receipt.json; everything prepared lies in ``out``/made.
    """
    sources = json.dumps([{"from": "files", "folder": str(folder)}])
    status, message = run_main(
        "fetch.py", "--dataset", settings["dataset"], "--sources", sources,
        "--raw", out / "raw", "--out", out / "receipt.json",
    )  # fmt: skip
    if status:
        return status, message
    return run_main(
        "prepare_dataset.py", "--receipt", out / "receipt.json", "--seed", 0, "--threads", 2,
        "--settings", json.dumps(settings), "--out", out / "made/d.safetensors",
        "--about", out / "made/d.json", "--provenance", out / "made/p.json",
        "--excluded", out / "made/d.csv",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(int(os.environ.get("FEDPER_TEST_THREADS", "1")))


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """Return a function that gives a small run with some settings changed.

    batchnorm: of its only test, at the end of the round.
    """

    def make(batchnorm: str | None = None, **changes: object) -> Run:
        tests = {} if batchnorm is None else {"tests": (Test("end", batchnorm),)}
        return change(RUN, **tests, **changes)

    return make


def random_samples(n: int, seed: int, size: int = 16) -> Samples:
    """Draw n random images with labels 0 … 9."""
    generator = torch.Generator().manual_seed(seed + SHIFT)
    images = torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=generator)
    split = DeviceSplit(
        images=images,
        labels=torch.randint(0, 10, (n,), generator=generator),
        mean=torch.full((1, 3, 1, 1), 0.5),
        sd=torch.full((1, 3, 1, 1), 0.25),
    )
    return Samples(split, torch.arange(n))


def build(run: Run) -> nn.Sequential:
    """Build the run's model for 10 classes, as a run does."""
    model = build_model(run.model, 10, run.width, run.stem)
    return model.to(memory_format=torch.channels_last)


def start(run: Run, sizes: tuple[int, ...]) -> tuple[nn.Sequential, State, list[Client]]:
    """Set up a model, the initial base, and clients with ``sizes`` training samples each."""
    model = build(run)
    base = initial_base(model, run)
    smallest = smallest_batch(model, (16, 16))
    clients = [
        Client(
            number,
            train=replace(random_samples(n, seed=number), smallest_batch=smallest),
            test=replace(random_samples(n + 1, seed=100 + number), smallest_batch=smallest),
            personal=initial_personal(model, run, number),
        )
        for number, n in enumerate(sizes)
    ]
    return model, base, clients


def evaluate_round(model, base, clients, round_, run) -> list[Score]:
    """Test every client with the base and its own personal layers, as at the end of a round."""
    examiner = Examiner(round_, run)
    welcome_base(model, base, clients[:], round_, run, examiner)
    return examiner.scores()


def evaluate_client(model, base, client, round_, run) -> Score:
    """Test one client, in the only way that its run names."""
    (score,) = evaluate_round(model, base, [client], round_, run)
    return score


@pytest.fixture
def rows_seen(monkeypatch) -> list[int]:
    """Return a list that fills with the rows of every batch that is made, in order."""
    rows: list[int] = []
    batch = DeviceSplit.batch

    def spy(self: DeviceSplit, index: torch.Tensor, *moves) -> tuple[torch.Tensor, torch.Tensor]:
        rows.extend(index.tolist())
        return batch(self, index, *moves)

    monkeypatch.setattr(DeviceSplit, "batch", spy)
    return rows


@pytest.fixture
def small_dataset() -> Dataset:
    """Ten classes of random 8 x 8 images: 25 for training and 20 for testing of each."""
    generator = np.random.default_rng(3 + SHIFT)

    def split(n_per_class: int) -> Split:
        labels = np.repeat(np.arange(10), n_per_class)
        images = generator.integers(0, 256, (len(labels), 3, 8, 8), dtype=np.uint8)
        return Split(images, labels.astype(np.int64))

    return make_dataset(split(25), split(20), n_classes=10, provenance={"source": "test"})


def write_run(folder, run, correct):
    """Write a run: ``correct[round][client]`` of 10 samples each."""
    run = replace(run, rounds=len(correct))
    folder.mkdir(parents=True)
    rows = [
        {"round": r, "client": c, "samples": 10, "correct": value, "test_loss": 1.5,
         "train_loss": 1.0, "bytes_up": 1_000_000, "bytes_down": 2_000_000}
        for r, clients in enumerate(correct, start=1)
        for c, value in enumerate(clients)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "history.csv", index=False)
    timing = [{"round": r, "training_s": 3.0, "evaluation_s": 0.5} for r, _ in enumerate(correct)]
    pd.DataFrame(timing).to_csv(folder / "timing.csv", index=False)
    about = {
        "run": asdict(run), "name": run.name, "code_sha256": "c0de" * 16, "device": "cpu: test",
        "data": {"source": "files", "sha256": {"a.parquet": "ab" * 32}},
        "versions": {"python": "3.11.7", "torch": "2.15.0"},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def diverge(folder, round_, client=0, column="train_loss"):
    """Write infinity for one client's loss in one round of a run."""
    history = pd.read_csv(folder / "history.csv")
    here = (history["round"] == round_) & (history["client"] == client)
    history.loc[here, column] = np.inf
    history.to_csv(folder / "history.csv", index=False)


@pytest.fixture
def folders(tmp_path):
    """FedAvg and FedPer at k = 4 and 10, two seeds, two rounds, two clients, for both models."""
    made = []
    for model in ("mobilenet_v1", "resnet34"):
        for k_p, last in ((0, (2, 4)), (2, (8, 10))):
            for k in (4, 10):
                for seed in (0, 1):
                    run = change(RUN, model=model, personalization_layers=k_p,
                                 classes_per_client=k, seed=seed)  # fmt: skip
                    correct = [(1, 1), (last[0] - seed, last[1] - seed)]
                    made.append(write_run(tmp_path / run.name, run, correct))
    return made

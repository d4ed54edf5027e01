"""A made-up fourth data set: one record, one reader, and its place in a configuration."""

import csv
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import run_main
from fedper.names import DATASETS, DatasetRecord, Layout
from test_pipeline import TINY, changed, copy_repository, planned, snakemake

RECORD = """
DATASETS["toys"] = DatasetRecord(
    title="Toys", n_classes=3, clients="classes", layouts=(Layout(("toys.npz",), reader="npz"),)
)
"""

READER = '''"""Toys from a file of NumPy arrays."""

import numpy as np
import pandas as pd

from fedper.data.dataset import Dataset, Split
from fedper.data.reader import RawData, whole_dataset


def read(raw: RawData) -> tuple[Dataset, pd.DataFrame]:
    """Read both splits."""
    with np.load(raw.folder / raw.names[0]) as arrays:
        train, test = (Split(arrays[f"{n}_x"], arrays[f"{n}_y"]) for n in ("train", "test"))
    return whole_dataset(raw, train, test)
'''

TOYS = {
    "title": "Toys",
    "sources": [{"from": "files", "folder": "data/raw/toys"}],
    "stand_in": None,
    "pixels": "centred",
    "augmentation": "none",
    "n_clients": 3,
    "partition": {
        "rule": "balanced", "classes_per_client": [2], "images_per_class": 12,
        "test": {"from": "official", "images_per_class": 6},
    },
    "rounds": 2,
    "local_epochs": 1,
    "batch_size": 4,
    "learning_rate": 0.02,
    "tests": TINY["datasets"]["cifar10"]["tests"],
}  # fmt: skip

GRID = {
    "datasets": ["toys"], "models": ["mobilenet_v1"], "classes_per_client": [2],
    "methods": ["FedAvg", "FedPer"], "personalization_layers": [2],
}  # fmt: skip

CONFIG = {
    **TINY,
    "datasets": {"toys": TOYS},
    "figures": {"figure2": {"runs": [GRID]}},
    "multiverse": {"runs": [], "universes": {}},
}


def add_files(folder: Path, record: str = RECORD, reader: str | None = READER) -> None:
    """Add the data set to a copy of the repository: two files."""
    with (folder / "scripts/fedper/names.py").open("a") as file:
        file.write(record)
    if reader is not None:
        (folder / "scripts/fedper/data/npz.py").write_text(reader)


@pytest.fixture(scope="module")
def images() -> dict[str, np.ndarray]:
    """Three classes of random 8 x 8 images, as they lie in the file."""
    generator = np.random.default_rng(1)
    arrays = {}
    for split, n in (("train", 12), ("test", 6)):
        labels = np.repeat(np.arange(3), n)
        arrays[f"{split}_y"] = labels
        arrays[f"{split}_x"] = generator.integers(0, 256, (len(labels), 3, 8, 8), dtype=np.uint8)
    return arrays


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, images) -> Path:
    """A copy of the repository in which toys are fetched, prepared and partitioned."""
    folder = copy_repository(tmp_path_factory.mktemp("toys"))
    add_files(folder)
    (folder / "data/raw/toys").mkdir(parents=True)
    np.savez(folder / "data/raw/toys/toys.npz", **images)
    result = snakemake(folder, "prepared", "partitions", config=CONFIG)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_its_samples_are_prepared_and_partitioned(drawn, images):
    """Each client holds two kinds of toys; rows are those of the images sorted by their hash."""
    (about,) = drawn.glob("data/prepared/tiny/toys-????????.json")
    assert json.loads(about.read_text())["n_classes"] == 3
    (file,) = drawn.glob("results/tiny/partitions/toys-k2-seed0-????????.json")
    partition = json.loads(file.read_text())
    for split, n in (("train", 12), ("test", 6)):
        hashes = [hashlib.sha256(image.tobytes()).digest() for image in images[f"{split}_x"]]
        labels = images[f"{split}_y"][sorted(range(3 * n), key=hashes.__getitem__)]
        for client in partition["clients"]:
            held = np.bincount(labels[client[split]], minlength=3)
            assert sorted(held.tolist()) == [0, n // 2, n // 2]
            assert np.flatnonzero(held).tolist() == client["classes"]
        rows = [row for client in partition["clients"] for row in client[split]]
        assert sorted(rows) == list(range(3 * n))


def test_its_runs_are_trained_and_drawn(drawn):
    result = snakemake(drawn, "data", "results/tiny/figures/figure2.csv", config=CONFIG)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = drawn / "results/tiny/figures"
    assert (figures / "partition-toys.png").stat().st_size > 0
    assert len(list(drawn.glob("results/tiny/runs/toys-*/history.csv"))) == 2
    with (figures / "figure2.csv").open() as file:
        assert {row["dataset"] for row in csv.DictReader(file)} == {"toys"}


def test_a_change_of_its_reader_prepares_it_again_and_fetches_nothing(drawn):
    reader = drawn / "scripts/fedper/data/npz.py"
    reader.write_text(READER + "\nchanged = True\n")
    plan = planned(snakemake(drawn, "prepared", "--dry-run", config=CONFIG))
    reader.write_text(READER)
    assert "prepare" in plan
    assert "fetch" not in plan


def test_a_change_of_another_reader_prepares_nothing(drawn):
    with (drawn / "scripts/fedper/data/parquet.py").open("a") as file:
        file.write("\nchanged = True\n")
    assert planned(snakemake(drawn, "prepared", "--dry-run", config=CONFIG)) == {}


def one_line(result) -> str:
    """The only line on stderr that tells what is wrong."""
    assert result.returncode == 1
    output = result.stdout + result.stderr
    assert "Traceback" not in output
    (line,) = [line for line in result.stderr.splitlines() if re.search("error", line, re.I)]
    return line


MISSING = {
    "a record": (
        "",
        READER,
        "error: tiny.yaml: datasets: unknown key 'toys'; known are cifar10, cifar100, flickr_aes, "
        "and a further one needs a record in fedper/names.py",
    ),
    "a reader": (
        RECORD,
        None,
        "error: fedper/names.py: names 'npz', but there is no scripts/fedper/data/npz.py",
    ),
    "a function": (
        RECORD,
        READER.replace("def read(", "def reed("),
        "error: scripts/fedper/data/npz.py: no function 'read' in it, which it needs because "
        "fedper/names.py names 'npz'",
    ),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_is_one_clear_line(tmp_path, what):
    record, reader, words = MISSING[what]
    add_files(copy_repository(tmp_path), record, reader)
    assert one_line(snakemake(tmp_path, "data", config=CONFIG)) == words
    assert not (tmp_path / "data").exists()


def test_without_snakemake_it_is_one_clear_line_too(tmp_path, monkeypatch):
    layout = Layout(("toys.npz",), reader="npz")
    monkeypatch.setitem(DATASETS, "toys", DatasetRecord("Toys", 3, "classes", (layout,)))
    (tmp_path / "toys.npz").write_text("x")
    sources = json.dumps([{"from": "files", "folder": str(tmp_path)}])
    common = ("--dataset", "toys", "--sources", sources, "--raw", tmp_path)
    assert run_main("fetch.py", *common, "--out", tmp_path / "receipt.json") == (0, "")
    status, message = run_main(
        "prepare_dataset.py", "--receipt", tmp_path / "receipt.json",
        "--settings", '{"dataset": "toys", "stand_in": null}', "--out", tmp_path / "made/d",
        "--about", tmp_path / "made/a", "--provenance", tmp_path / "made/p",
        "--excluded", tmp_path / "made/e",
    )  # fmt: skip
    assert (status, message) == (1, MISSING["a reader"][2])
    assert not (tmp_path / "made").exists()


def test_a_stand_in_of_a_wrong_kind_is_one_clear_line(tmp_path):
    config = changed()
    simulated = config["datasets"]["flickr_aes"]["stand_in"]
    config["datasets"]["cifar10"]["stand_in"] = simulated
    line = one_line(snakemake(copy_repository(tmp_path), "data", config=config))
    assert line == (
        "error: tiny.yaml: datasets.cifar10.stand_in.source: 'simulated' cannot stand in for "
        "cifar10; what can is digits"
    )

"""The official archives, through torchvision: the same images, and so the same partitions."""

import hashlib
import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from conftest import prepare_files, run_main
from fedper.data.archives import read as read_archive
from fedper.data.parquet import read as read_parquet
from fedper.fetch.catalogue import official_archive
from test_data import random_images, raw_data, write_parquet
from torchvision.datasets import CIFAR10, CIFAR100

BALANCED = json.dumps(
    {"rule": "balanced", "images_per_class": 4, "test": {"from": "official", "images_per_class": 2}}
)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def write_archive(path: Path, official: type[CIFAR10], train: tuple, test: tuple) -> type[CIFAR10]:
    """Write an archive in the official layout; return torchvision's class with its checksums.

    train, test: images uint8 [n, 32, 32, 3] and labels; CIFAR-10 has two training batches here.
    """
    label_key = "fine_labels" if official is CIFAR100 else "labels"

    def batch(images, labels) -> bytes:
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        return pickle.dumps({"data": rows, label_key: [int(label) for label in labels]})

    half = len(train[0]) // 2
    n_batches = len(official.train_list[:2])
    cuts = [slice(None)] if n_batches == 1 else [slice(None, half), slice(half, None)]
    files = {
        name: batch(train[0][cut], train[1][cut])
        for (name, _), cut in zip(official.train_list, cuts, strict=False)
    }
    (test_name, _) = official.test_list[0]
    files[test_name] = batch(*test)
    meta = official.meta["filename"]
    files[meta] = pickle.dumps({official.meta["key"]: ["a", "b"]})
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{official.base_folder}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return type(
        "Small",
        (official,),
        {
            "tgz_md5": md5(path.read_bytes()),
            "train_list": [
                [name, md5(files[name])] for name, _ in official.train_list if name in files
            ],
            "test_list": [[test_name, md5(files[test_name])]],
            "meta": {**official.meta, "md5": md5(files[meta])},
        },
    )


@pytest.fixture(params=["cifar10", "cifar100"])
def both_layouts(request, tmp_path, monkeypatch):
    """The same 240 images as parquet and, in another order, as archive; a duplicate among them."""
    dataset = request.param
    n_classes = 10 if dataset == "cifar10" else 100
    n_train, n_test = 4 * n_classes, 2 * n_classes
    images = random_images(n_train + n_test)
    images[7] = images[3]
    labels = np.concatenate([np.arange(n_train) % n_classes, np.arange(n_test) % n_classes])
    parquet, archive = tmp_path / "parquet", tmp_path / "archive"
    parquet.mkdir()
    archive.mkdir()
    column = "label" if dataset == "cifar10" else "fine_label"
    for split, rows in (("train", slice(None, n_train)), ("test", slice(n_train, None))):
        path = parquet / f"{split}-00000-of-00001.parquet"
        write_parquet(path, images[rows], labels[rows], column)
    order = np.random.default_rng(1).permutation(n_train)
    official = official_archive(dataset)
    small = write_archive(
        archive / official.filename,
        official,
        (images[order], labels[order]),
        (images[n_train:][::-1], labels[n_train:][::-1]),
    )
    monkeypatch.setattr(f"torchvision.datasets.{dataset.upper()}", small)
    return dataset, n_classes, parquet, archive


def test_both_layouts_give_the_same_data_and_byte_identical_partitions(both_layouts, tmp_path):
    dataset, n_classes, *folders = both_layouts
    written = []
    for number, folder in enumerate(folders):
        out = tmp_path / f"out{number}"
        sources = f'[{{"from": "files", "folder": "{folder}"}}]'
        settings = f'{{"dataset": "{dataset}", "stand_in": null}}'
        commands = (
            ("fetch.py", "--dataset", dataset, "--sources", sources, "--raw", tmp_path / "raw",
             "--out", out / "source.json"),
            ("prepare_dataset.py", "--receipt", out / "source.json", "--settings", settings,
             "--out", out / "d.safetensors", "--about", out / "d.json",
             "--provenance", out / "p.json", "--excluded", out / "d.csv"),
            ("partition_dataset.py", "--data", out / "d.safetensors", "--n-clients", 5,
             "--classes-per-client", n_classes * 4 // 10, "--settings", BALANCED,
             "--seed", 3, "--out", out / "partition.json"),
        )  # fmt: skip
        for command in commands:
            status, message = run_main(*command)
            assert status == 0, message
        written.append((out / "partition.json").read_bytes())
    assert written[0] == written[1]
    parquet, archive = folders
    one, _ = read_parquet(raw_data(parquet, {}, n_classes))
    two, _ = read_archive(raw_data(archive, {"dataset": dataset}, n_classes))
    for split in ("train", "test"):
        assert np.array_equal(getattr(one, split).images, getattr(two, split).images)
        assert np.array_equal(getattr(one, split).labels, getattr(two, split).labels)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: content[:-10], "the MD5 is"),
        (lambda content: content[:500] + b"x" + content[501:], "the MD5 is"),
        (lambda content: b"<html>Too many requests</html>", "a web page came instead"),
    ],
)
def test_an_archive_that_is_not_the_official_one_is_never_unpacked(
    both_layouts, spoil, words, monkeypatch, tmp_path
):
    dataset, _, _, folder = both_layouts
    official = official_archive(dataset)
    path = folder / official.filename
    path.write_bytes(spoil(path.read_bytes()))

    def refuse(*arguments, **keywords):
        raise AssertionError("unpickled or unpacked what is not the official archive")

    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(tarfile, "open", refuse)
    settings = {"dataset": dataset, "stand_in": None}
    status, message = prepare_files(folder, tmp_path / "out", settings)
    assert status == 1
    assert message.startswith(f"error: {path}: ")
    assert words in message
    assert "\n" not in message
    assert not (tmp_path / "out/made").exists()

"""What runs read: names of prepared data sets and of partitions."""

import copy
import re

import pytest
import yaml
from conftest import REPOSITORY
from fedper.plan.experiments import all_runs, runs_of_figures
from fedper.plan.inputs import (
    all_partitions,
    partitions_of_runs,
    partitions_to_show,
    planned_partition,
    prepared,
)


def read(path: str) -> dict:
    return yaml.safe_load((REPOSITORY / path).read_text())


@pytest.fixture
def config() -> dict:
    return read("config/quick.yaml")


def test_other_content_has_another_name_and_a_stand_in_never_the_real_one(config):
    def name(dataset, seed=0, **changes):
        changed = copy.deepcopy(config)
        changed["datasets"][dataset].update(changes)
        return prepared(changed, dataset, seed).name

    sources = [{"from": "huggingface"}, {"from": "torchvision"}]
    real = name("cifar10", stand_in=None, sources=sources)
    assert re.fullmatch(r"cifar10-[0-9a-f]{8}", real)
    assert re.fullmatch(r"cifar10-digits-[0-9a-f]{8}", name("cifar10"))
    assert name("cifar10", stand_in=None, sources=sources[::-1]) == real
    assert name("cifar10", stand_in=None, sources=sources[:1]) != real
    assert name("cifar10", rounds=99, seed=1, pixels="unit") == name("cifar10")
    assert re.fullmatch(r"flickr_aes-simulated-[0-9a-f]{8}-seed3", name("flickr_aes", 3))
    assert name("flickr_aes", resize_filter="box") != name("flickr_aes")


def test_a_receipt_is_of_the_files_alone(config):
    """Photographs of another size come from the same 5.8 GB, which are checked once."""
    one = prepared(copy.deepcopy(config), "flickr_aes", 0)
    config["datasets"]["flickr_aes"]["image_size"] = 64
    other = prepared(config, "flickr_aes", 1)
    assert one.name != other.name
    assert one.receipt == other.receipt
    assert "seed" not in one.receipt
    config["datasets"]["flickr_aes"]["stand_in"]["seed"] = 1
    assert prepared(config, "flickr_aes", 0).receipt != one.receipt


@pytest.mark.parametrize(
    ("path", "value", "is_another"),
    [
        (("partition", "rule"), "slots", True),
        (("partition", "images_per_class"), 100, True),
        (("partition", "test"), {"from": "own", "fraction": 0.1}, True),
        (("n_clients",), 5, True),
        (("stand_in", "seed"), 1, True),
        (("partition", "classes_per_client"), [4], False),
        (("rounds",), 3, False),
        (("pixels",), "unit", False),
    ],
)
def test_a_partition_is_named_after_all_that_decides_it(config, path, value, is_another):
    before = planned_partition(config, "cifar10", 4, 0).name
    assert re.fullmatch(r"cifar10-k4-seed0-[0-9a-f]{8}", before)
    *keys, last = path
    holder = config["datasets"]["cifar10"]
    for key in keys:
        holder = holder[key]
    holder[last] = value
    assert (planned_partition(config, "cifar10", 4, 0).name != before) == is_another


def test_by_worker_there_is_no_k(config):
    (one,) = partitions_to_show(config, "flickr_aes")
    assert re.fullmatch(r"flickr_aes-seed0-[0-9a-f]{8}", one.name)
    assert "classes_per_client" not in one.samples
    assert [d.classes_per_client for d in partitions_to_show(config, "cifar10")] == [4, 8, 10]


@pytest.mark.parametrize("path", ["config/paper.yaml", "config/cpu.yaml", "tests/tiny.yaml"])
def test_each_run_reads_the_partition_of_its_own_settings_universes_too(path):
    config = read(path)
    runs, drawn, by_name = all_runs(config), partitions_of_runs(config), all_partitions(config)
    assert drawn.keys() == runs.keys() > runs_of_figures(config).keys()
    for name, run in runs.items():
        one = drawn[name]
        assert by_name[one.name] == one
        assert (one.data.dataset, one.n_clients, one.classes_per_client, one.samples, one.seed) == (
            run.dataset, run.n_clients, run.classes_per_client, run.samples, run.seed,
        )  # fmt: skip
        if run.dataset == "flickr_aes":
            assert one.data.settings["image_size"] == run.samples["image_size"]
    ks = {(d, k) for d in config["datasets"] for k in
          config["datasets"][d]["partition"].get("classes_per_client", [None])}  # fmt: skip
    assert {(one.data.dataset, one.classes_per_client) for one in by_name.values()} == ks

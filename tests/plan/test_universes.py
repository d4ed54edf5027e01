"""The multiverse: other readings of the protocol, as changes of the reference."""

import copy
from dataclasses import asdict

import pytest
import yaml
from conftest import REPOSITORY
from fedper.errors import InputError
from fedper.plan.config import check_config
from fedper.plan.experiments import all_runs, runs_of_figures
from fedper.plan.universes import universes, with_changes


def read(path: str) -> dict:
    return yaml.safe_load((REPOSITORY / path).read_text())


@pytest.fixture
def config() -> dict:
    return read("tests/tiny.yaml")


def test_a_universe_is_the_whole_configuration_with_some_values_changed(config):
    config["multiverse"]["universes"] = {
        "reference": {},
        "other": {"optimiser.momentum": 0.5, "datasets.cifar10.pixels": "unit"},
    }
    check_config(config, "tiny")
    before = copy.deepcopy(config)
    reference, other = universes(config)
    assert config == before
    assert len(reference.runs) == len(other.runs) == 4
    for one, changed in zip(reference.runs, other.runs, strict=True):
        different = {key for key, value in asdict(one).items() if asdict(changed)[key] != value}
        assert different == {"momentum", "pixels"}
        assert (changed.momentum, changed.pixels) == (0.5, "unit")


def test_a_run_that_universes_share_with_the_reference_is_trained_once():
    """Of the paper's scale: changes of FLICKR-AES alone leave CIFAR-10's runs as they are."""
    config = read("config/paper.yaml")
    by_name = {one.name: {run.name for run in one.runs} for one in universes(config)}
    reference, figures = by_name["the authors' code"], set(runs_of_figures(config))
    assert reference <= figures
    assert len(by_name["FLICKR-AES: 224 x 224 pixels"] - reference) == 6
    assert len(by_name["partition: balanced"] - reference) == 12
    assert set(all_runs(config)) == figures.union(*by_name.values())


def test_the_paper_scale_changes_one_factor_at_a_time_and_then_all_at_once():
    config = read("config/paper.yaml")
    declared = config["multiverse"]["universes"]
    former = declared.pop("our reading until now")
    alone = {path: value for changes in declared.values() for path, value in changes.items()}
    # how clients are tested needs no universe: each run does it in several ways
    assert {p: v for p, v in former.items() if "tests" not in p}.items() <= alone.items()
    assert [name for name, changes in declared.items() if not changes] == ["the authors' code"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datasets.cifar11.pixels": "unit"}, "cifar11.pixels: this scale has no 'cifar11' there"),
        ({"models.resnet34.stem": "cifar"}, "models.resnet34.stem: this scale has no 'resnet34'"),
        ({"datasets.cifar10.pixel": "unit"}, "cifar10.pixel: this scale has no 'pixel' there"),
        ({"optimiser.momentum.mass": 1}, "optimiser.momentum.mass: this scale has no 'mass' there"),
        ({"optimiser": {}}, "missing key 'momentum', 'weight_decay', 'state'"),
        ({"seeds": [1]}, "seeds: a universe can change datasets, models, optimiser, init"),
        ({"figures.figure2.runs": []}, "figures.figure2.runs: a universe can change datasets, m"),
        ({"datasets.cifar10.sources": []}, "datasets.cifar10.sources: decides no result"),
        ({"datasets.cifar10.title": "x"}, "datasets.cifar10.title: decides no result"),
        ({"optimiser.momentum": 2}, "optimiser.momentum: 2 is greater than or equal to"),
        ({"datasets.cifar10.partition.rule": "workers"}, "datasets.cifar10: "),
        ({"datasets.cifar10.n_clients": 3}, "3 clients x 4 classes leave no class with enough"),
        ({"datasets.cifar100.pixels": "unit"}, "changes none of the multiverse's runs"),
        ({"optimiser.momentum": 0.9}, "changes none of the multiverse's runs"),
        ({}, "one, and only one, changes nothing"),
    ],
)  # fmt: skip
def test_what_a_universe_cannot_change_is_named(config, changes, message):
    config["multiverse"]["universes"]["odd"] = changes
    with pytest.raises(InputError) as error:
        check_config(config, "tiny.yaml")
    assert message in str(error.value)
    assert str(error.value).startswith("tiny.yaml: ")
    assert "\n" not in str(error.value)


def test_errors_name_the_universe(config):
    config["multiverse"]["universes"]["odd"] = {"optimiser.state": "kept"}
    with pytest.raises(InputError, match=r"^tiny: multiverse\.universes\.odd: optimiser\.state: "):
        check_config(config, "tiny")
    config["multiverse"]["universes"] = {"odd": {"optimiser.state": "carried"}}
    with pytest.raises(InputError, match=r"^tiny: multiverse\.universes: one, and only one, chang"):
        check_config(config, "tiny")


@pytest.mark.parametrize("key", ["datasets", "models", "methods"])
def test_runs_of_the_multiverse_are_checked_as_those_of_figures(config, key):
    config["multiverse"]["runs"][0][key] = ["nothing"]
    with pytest.raises(InputError, match=rf"multiverse\.runs\.0\.{key}: 'nothing' is not under"):
        check_config(config, "tiny")


def test_there_need_be_no_multiverse(config):
    config["multiverse"] = {"runs": [], "universes": {}}
    check_config(config, "tiny")
    assert universes(config) == []
    assert all_runs(config) == runs_of_figures(config)


def test_a_whole_section_may_be_changed(config):
    changed = with_changes(
        config, {"optimiser": {"momentum": 0.0, "weight_decay": 0.0, "state": "anew"}}
    )
    assert changed["optimiser"]["momentum"] == 0
    assert config["optimiser"]["momentum"] == 0.9

"""The configuration: every wrong key is named, and the runs are those that it asks for."""

import copy
import json
import re
from dataclasses import asdict

import pytest
import yaml
from conftest import REPOSITORY, RUN
from fedper.algorithm.models import MODELS
from fedper.errors import InputError
from fedper.plan.config import check_config
from fedper.plan.experiments import (
    VARIANTS,
    all_runs,
    data_name,
    describe_all,
    describe_figure,
    figure_runs,
)
from fedper.run import CHOICES, N_LAYERS, Run

SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
SCALES = ["quick", "cpu", "paper"]


def read(scale: str) -> dict:
    return yaml.safe_load((REPOSITORY / f"config/{scale}.yaml").read_text())


@pytest.fixture
def config() -> dict:
    return read("quick")


def keys_of(config, path=()):
    """List the path of every key of every mapping."""
    if isinstance(config, dict):
        for key, value in config.items():
            yield (*path, key)
            yield from keys_of(value, (*path, key))
    if isinstance(config, list):
        for index, value in enumerate(config):
            yield from keys_of(value, (*path, index))


ALL_KEYS = list(keys_of(read("quick")))
# Leaving out one of several data sets, models or figures is not an error in itself.
REQUIRED_KEYS = [
    p for p in ALL_KEYS if len(p) != 2 or p[0] not in ("datasets", "models", "figures")
]


def holder_of(config, path):
    for key in path[:-1]:
        config = config[key]
    return config


LINEAR_BASE = {
    "datasets": ["cifar100"], "models": ["resnet34"], "classes_per_client": [40],
    "personalization_layers": [2], "variants": ["linear_base"],
}  # fmt: skip


@pytest.mark.parametrize("scale", SCALES)
def test_the_committed_configurations_are_valid(scale):
    check_config(read(scale), SCHEMA, scale)


@pytest.mark.parametrize("scale", SCALES)
def test_the_committed_configurations_point_nowhere_outside_the_repository(scale):
    folders = [
        source["folder"]
        for dataset in read(scale)["datasets"].values()
        for source in dataset["sources"]
        if source["from"] == "files"
    ]
    assert all(folder.startswith("data/raw/") for folder in folders)
    assert folders or scale == "quick"


@pytest.mark.parametrize("path", REQUIRED_KEYS, ids=lambda path: ".".join(map(str, path)))
def test_a_missing_key_fails_with_its_name(config, path):
    del holder_of(config, path)[path[-1]]
    with pytest.raises(InputError, match=rf"^quick\.yaml: .*missing key '{path[-1]}'$"):
        check_config(config, SCHEMA, "quick.yaml")


@pytest.mark.parametrize("path", ALL_KEYS, ids=lambda path: ".".join(map(str, path)))
def test_a_misspelt_key_fails_with_its_name(config, path):
    holder = holder_of(config, path)
    holder[f"{path[-1]}x"] = holder.pop(path[-1])
    with pytest.raises(InputError, match=rf"unknown key '{path[-1]}x'"):
        check_config(config, SCHEMA, "quick.yaml")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("figures", "figure2", "runs", 0, "classes_per_client"), [0], "0 is less than"),
        (("figures", "figure2", "runs", 0, "classes_per_client"), [5], "5 is not in [4, 8, 10]"),
        (("figures", "figure2", "runs", 0, "datasets"), ["flickr_aes"], "flickr_aes has no class"),
        (("figures", "figure7", "runs", 0, "datasets"), ["cifar10"], "missing key 'classes_per"),
        (("figures", "figure2", "runs", 0, "variants"), ["linear"], "'linear' is not one of"),
        (("figures", "figure2", "runs", 0, "variants"), ["linear_base", "plain"], "leaves nothing"),
        (
            ("figures", "figure2", "runs", 0, "variants"),
            ["evaluation_finetuning"],
            "variant of Fed",
        ),
        (
            ("figures", "figure4", "runs", 0, "personalization_layers"),
            [0, 1, "all"],
            "only figure6",
        ),
        (
            ("figures", "clients", "runs", 0, "classes_per_client"),
            [4, 8],
            "one value of classes_per",
        ),
        (("figures", "figure6", "runs", 1, "personalization_layers"), [18], "18 leaves nothing"),
        (("figures", "figure4", "set"), {"round": 5}, "figures.figure4.set: unknown key 'round'"),
        (("datasets", "cifar10", "partition", "classes_per_client"), [11], "11 is more than the"),
        (("datasets", "cifar10", "sources"), [{"from": "ftp"}], "'ftp' is not one of ['files'"),
        (("datasets", "cifar10", "sources"), [{"from": "files"}], "'files' needs a folder"),
        (("datasets", "cifar10", "sources"), [{"from": "files", "folder": "/x"}], "'/x' does not"),
        (("datasets", "cifar10", "sources"), [{"from": "files", "folder": "a/../b"}], "does not"),
        (
            ("datasets", "cifar10", "stand_in"),
            None,
            "cifar10.sources: empty, and there is no stand",
        ),
        (("datasets", "flickr_aes", "resize_filter"), "area", "'area' is not one of"),
        (("datasets", "flickr_aes", "partition", "min_ratings"), 300, "more than max_ratings"),
        (("datasets", "flickr_aes", "partition", "min_ratings_per_score"), 1, "1 is less than"),
        (("datasets", "flickr_aes", "partition", "min_ratings"), 20, "fewer than 5 images"),
        (("datasets", "flickr_aes", "stand_in", "fewest_ratings"), 999, "more than most_ratings"),
        (("datasets", "cifar10", "n_clients"), 3, "3 clients x 4 classes is not a multiple of 10"),
        (
            ("figures", "figure4", "runs", 0, "personalization_layers"),
            [16],
            "16 is more than the 15 layers of mobilenet_v1",
        ),
        (("figures", "figure4", "runs", 0, "personalization_layers"), [-1], "-1 is less than"),
        (("figures", "figure4", "runs", 0, "personalization_layers"), ["most"], "'all' was exp"),
        (("figures", "figure4", "runs", 0, "datasets"), ["cifar11"], "'cifar11' is not under"),
        (("figures", "figure4", "runs", 0, "models"), ["vgg"], "'vgg' is not under 'models'"),
        (("optimiser", "momentum"), 1, "optimiser.momentum"),
        (("optimiser", "momentum"), "0.9", "optimiser.momentum: '0.9' is not of type 'number'"),
        (("evaluation", "batchnorm_statistics"), "batch", "'batch' is not one of"),
        (("seeds",), [], "seeds"),
        (("seeds",), [1, 1], "seeds"),
        (("datasets", "cifar10", "rounds"), 0, "datasets.cifar10.rounds"),
        (("datasets", "cifar10", "rounds"), 10.0, "10.0 is not of type 'integer'"),
        (("datasets", "cifar10", "learning_rate"), float("nan"), "nan is not of type 'number'"),
        (("datasets", "cifar10", "n_classes"), 20, "datasets.cifar10.n_classes: 10 was expected"),
        (("seeds",), [True], "True is not of type 'integer'"),
        (("evaluation", "batch_size"), 2, "evaluation.batch_size: 2 is less than"),
        (("datasets", "cifar10", "stand_in", "source"), "letters", "stand_in.source"),
    ],
)
def test_wrong_values_fail_with_key_and_reason(config, path, value, message):
    holder_of(config, path)[path[-1]] = value
    with pytest.raises(InputError) as error:
        check_config(config, SCHEMA, "quick.yaml")
    assert message in str(error.value)
    assert str(error.value).startswith("quick.yaml: ")
    assert "\n" not in str(error.value)


def test_runs_are_all_combinations_and_shared_ones_are_trained_once():
    """The whole paper, for two seeds."""
    config = read("paper")
    config["seeds"] = [0, 1]
    pairs = [(4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (8, 0), (8, 2), (10, 0), (10, 2)]
    expected = {
        ("cifar10", model, k, k_p, seed) for model in MODELS for k, k_p in pairs for seed in (0, 1)
    }
    expected |= {("cifar100", model, 10 * k, k_p, s) for _, model, k, k_p, s in expected}
    expected |= {
        ("flickr_aes", model, None, k_p, seed)
        for model in MODELS for k_p in range(5) for seed in (0, 1)
    }  # fmt: skip
    runs = list(all_runs(config).values())
    plain = [r for r in runs if r.method in ("FedAvg", "FedPer")]
    found = [
        (r.dataset, r.model, r.classes_per_client, r.personalization_layers, r.seed) for r in plain
    ]
    assert len(found) == len(expected)
    assert set(found) == expected
    others = {(r.dataset, r.method) for r in runs if r not in plain}
    variants = ("FedPer, fine-tuned", "FedPer, linear base", "FedAvg, fine-tuned", "local training")
    assert others == {(d, method) for d in ("cifar100", "flickr_aes") for method in variants}
    assert len(figure_runs(config, "figure2")) == 24
    assert len(figure_runs(config, "figure4")) == 20


@pytest.mark.parametrize(("scale", "n_runs"), [("quick", 40), ("cpu", 28), ("paper", 162)])
def test_every_scale_has_as_many_runs_as_the_readme_says(scale, n_runs):
    assert len(all_runs(read(scale))) == n_runs
    row = re.search(rf"^\| `{scale}`.*$", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    assert f"| {n_runs}" in row[0]


def test_a_setting_of_one_figure_makes_runs_of_its_own(config):
    before = all_runs(config)
    config["figures"]["figure4"]["set"] = {"rounds": 3}
    after = all_runs(config)
    new = [run for name, run in after.items() if name not in before]
    assert len(new) == 10
    assert {run.rounds for run in new} == {3}
    # figure 2 still needs its own runs at k = 4; those of K_P = 1, 3 and 4 nobody asks for now
    gone = [run for name, run in before.items() if name not in after]
    assert {run.personalization_layers for run in gone} == {1, 3, 4}


def test_the_schema_names_the_variants_that_the_code_has():
    grid = SCHEMA["$defs"]["figure"]["properties"]["runs"]["items"]["properties"]
    assert grid["variants"]["items"]["enum"] == list(VARIANTS)


@pytest.mark.parametrize("setting", asdict(RUN))
def test_every_setting_is_in_the_name_of_the_run(setting, make_run):
    value = getattr(RUN, setting)
    if value is None or isinstance(value, dict):
        changed = {"seed": 1}
    else:
        changed = f"{value}x" if isinstance(value, str) else value + 1
    assert make_run(**{setting: changed}).name != RUN.name


def test_a_run_survives_json_and_a_run_json_file(tmp_path):
    assert Run.from_json(RUN.to_json()) == RUN
    (tmp_path / "run.json").write_text(json.dumps({"run": asdict(RUN), "name": RUN.name}))
    assert Run.from_json(str(tmp_path / "run.json")) == RUN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("momentum"), "key 'momentum' is missing"),
        (lambda d: d.update(momentun=0.9), "key 'momentun' is unknown"),
        (lambda d: d.update(model="vgg"), "model: 'vgg' is not one of"),
        (lambda d: d.update(stem="cifra"), "stem: 'cifra' is not one of"),
        (lambda d: d.update(base="none"), "base: 'none' is not one of"),
        (lambda d: d.update(batchnorm_statistics="batch"), "batchnorm_statistics: 'batch'"),
    ],
)
def test_settings_of_a_run_have_no_defaults(change, message):
    settings = asdict(RUN)
    change(settings)
    with pytest.raises(InputError, match=message):
        Run.from_json(json.dumps(settings))


def test_settings_that_are_no_json_are_refused(tmp_path):
    for text in ("{", str(tmp_path / "absent.json")):
        with pytest.raises(InputError, match="not readable as JSON"):
            Run.from_json(text)


def test_the_schema_names_the_choices_that_the_code_has():
    evaluation = SCHEMA["properties"]["evaluation"]["properties"]
    assert evaluation["batchnorm_statistics"]["enum"] == list(CHOICES["batchnorm_statistics"])
    assert SCHEMA["$defs"]["model"]["properties"]["stem"]["enum"] == list(CHOICES["stem"])
    assert list(SCHEMA["properties"]["models"]["properties"]) == list(CHOICES["model"])
    assert set(CHOICES["model"]) == set(MODELS) == set(N_LAYERS)


def test_the_note_says_stand_in_scale_width_and_seeds(config):
    digits = "Handwritten digits (stand-in for CIFAR-10)"
    expected = f"{digits}; scale quick; models of width 0.25; 1 seed"
    assert describe_figure(config, "figure2") == expected
    words = describe_all(config)
    assert words.startswith(f"{digits}; Pairs of handwritten digits (stand-in for CIFAR-100); ")
    assert words.endswith("; scale quick; models of width 0.25; 1 seed")
    config["models"]["resnet34"]["width"] = 1
    assert "mobilenet_v1 of width 0.25, resnet34 of width 1;" in describe_figure(config, "figure2")
    paper = describe_figure(read("paper"), "clients")
    assert paper == "CIFAR-10; CIFAR-100; FLICKR-AES; scale paper; models of width 1; 3 seeds"


def test_other_content_has_another_name_and_a_stand_in_never_the_real_one(config):
    def name(dataset, seed=0, **changes):
        changed = copy.deepcopy(config)
        changed["datasets"][dataset].update(changes)
        return data_name(changed, dataset, seed)

    sources = [{"from": "huggingface"}, {"from": "torchvision"}]
    real = name("cifar10", stand_in=None, sources=sources)
    assert re.fullmatch(r"cifar10-[0-9a-f]{8}", real)
    assert re.fullmatch(r"cifar10-digits-[0-9a-f]{8}", name("cifar10"))
    assert name("cifar10", stand_in=None, sources=sources[::-1]) == real
    assert name("cifar10", stand_in=None, sources=sources[:1]) != real
    assert name("cifar10", rounds=99, seed=1) == name("cifar10")
    assert re.fullmatch(r"flickr_aes-simulated-[0-9a-f]{8}-seed3", name("flickr_aes", 3))
    assert name("flickr_aes", resize_filter="box") != name("flickr_aes")
    assert "seed" not in data_name(config, "flickr_aes")


def test_a_figure_that_would_average_over_different_settings_is_refused(config):
    changed = copy.deepcopy(config)
    changed["figures"]["figure4"]["runs"][0]["classes_per_client"] = [4, 8]
    with pytest.raises(InputError, match=r"figure4: .* one value of classes_per_client.*\[4, 8\]"):
        check_config(changed, SCHEMA, "quick.yaml")
    changed = copy.deepcopy(config)
    changed["figures"]["figure2"]["runs"][0]["personalization_layers"] = [0, 1, 2]
    with pytest.raises(InputError, match=r"figure2: .* besides 0, not of \[1, 2\]"):
        check_config(changed, SCHEMA, "quick.yaml")

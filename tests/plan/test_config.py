"""The configuration: every wrong key is named, and the runs are those that it asks for."""

import copy
import json
import re
from dataclasses import asdict, replace

import pytest
import yaml
from conftest import REPOSITORY, RUN
from fedper.errors import InputError
from fedper.method import Method, Phase, Test
from fedper.names import MODELS
from fedper.plan.config import check_config, read_config
from fedper.plan.experiments import (
    all_runs,
    describe_all,
    describe_figure,
    describe_partition,
    figure_runs,
    runs_of_figures,
)
from fedper.plan.run_file import read_run

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
# Leaving out one of several data sets, models, methods or figures is no error, nor is what a test
# trains, nor a grid's own seeds.
REQUIRED_KEYS = [
    p
    for p in ALL_KEYS
    if (len(p) != 2 or p[0] not in ("datasets", "models", "methods", "figures"))
    and not ("tests" in p and p[-1] in ("train", "personal"))
    and not (p[0] == "figures" and p[-1] == "seeds")
]


def holder_of(config, path):
    for key in path[:-1]:
        config = config[key]
    return config


@pytest.mark.parametrize("scale", SCALES)
def test_the_committed_configurations_are_valid(scale):
    check_config(read(scale), scale)


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
    missing = rf"^quick\.yaml: .*(missing key '{path[-1]}'|{path[-1]}: FedPer.* needs it)$"
    with pytest.raises(InputError, match=missing):
        check_config(config, "quick.yaml")


NAMES_WE_CHOOSE = [p for p in ALL_KEYS if len(p) == 2 and p[0] == "methods"]


@pytest.mark.parametrize("path", NAMES_WE_CHOOSE, ids=lambda path: path[1])
def test_a_method_that_figures_ask_for_under_another_name_fails_with_its_name(config, path):
    config["methods"][f"{path[1]}x"] = config["methods"].pop(path[1])
    with pytest.raises(InputError, match=f"figures.*methods: '{path[1]}' is not under 'methods'"):
        check_config(config, "quick.yaml")


FIXED_KEYS = [path for path in ALL_KEYS if path not in NAMES_WE_CHOOSE]


@pytest.mark.parametrize("path", FIXED_KEYS, ids=lambda path: ".".join(map(str, path)))
def test_a_misspelt_key_fails_with_its_name(config, path):
    holder = holder_of(config, path)
    holder[f"{path[-1]}x"] = holder.pop(path[-1])
    # which keys a data set or a stand-in has, these say, so they are missed first
    missed = path[-1] in ("partition", "rule", "source", "from")
    wrong = "missing key '{0}'|unknown key '{0}x'" if missed else "unknown key '{0}x'"
    with pytest.raises(InputError, match=wrong.format(path[-1])):
        check_config(config, "quick.yaml")


def in_runs(figure: str, key: str, index: int = 0) -> tuple:
    return ("figures", figure, "runs", index, key)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (in_runs("figure2", "classes_per_client"), [0], "0 is less than"),
        (("models", "resnet34", "width"), 0.12, "resnet34 of width 0.12: too narrow"),
        (in_runs("figure2", "classes_per_client"), [5], "5 is not in [4, 8, 10]"),
        (in_runs("figure2", "datasets"), ["flickr_aes"], "flickr_aes has no class"),
        (in_runs("figure7", "datasets"), ["cifar10"], "missing key 'classes_per"),
        (in_runs("figure2", "methods"), ["FedProx"], "'FedProx' is not under 'methods'"),
        (in_runs("figure2", "methods"), ["FedAvg", "FedPer linear base"], "shows FedAvg, FedPer"),
        (in_runs("figure4", "methods"), ["FedPer", "local training"], "no local training"),
        (in_runs("figure2", "methods"), ["FedAvg"], "layers: FedAvg have their own"),
        (("figures", "figure6", "runs", 0),
         {"datasets": ["flickr_aes"], "models": ["mobilenet_v1"], "methods": ["FedPer"]},
         "personalization_layers: FedPer needs it"),
        (in_runs("figure2", "personalization_layers"), [1, 2], "of personalization_layers besides"),
        (in_runs("clients", "classes_per_client"), [4, 8], "one value of classes_per_client"),
        (in_runs("figure4", "personalization_layers"), [18], "18 leaves none of the 18 layers of"),
        (in_runs("figure4", "personalization_layers"), [0], "0 is less than the minimum of 1"),
        (in_runs("figure4", "personalization_layers"), ["all"], "'all' is not of type 'integer'"),
        (in_runs("figure4", "datasets"), ["cifar11"], "'cifar11' is not under"),
        (in_runs("figure4", "models"), ["vgg"], "'vgg' is not under 'models'"),
        (("figures", "figure6", "runs"), [
            {"datasets": ["cifar100"], "models": ["resnet34"], "classes_per_client": [40],
             "methods": ["FedAvg"]},
        ], "figures.figure6: compares with FedPer; ask for it too"),
        (("figures", "figure9"), {"runs": []}, "figures.figure9.runs: [] should be non-empty"),
        (("figures", "figure4", "set"), {"round": 5}, "figures.figure4.set: unknown key 'round'"),
        (("methods", "FedPer", "personal"), "middle", "'middle' is not one of ['last', 'first']"),
        (("methods", "FedPer", "personalization_layers"), "most", "'most' is not one of ['figure'"),
        (("methods", "FedPer", "personalization_layers"), -1, "-1 is less than the minimum of 0"),
        (("methods", "FedPer", "base"), "none", "'none' is not one of ['full', 'linear']"),
        (("methods", "FedPer", "train"), [], "methods.FedPer.train: [] should be non-empty"),
        (("methods", "FedPer", "train", 0, "layers"), "head", "'head' is not one of ['all'"),
        (("methods", "FedPer", "train", 0, "epochs"), 0, "0 is less than the minimum of 1"),
        (("methods", "FedPer", "train", 0, "epochs"), "some", "'local' was expected"),
        (("datasets", "cifar10", "partition", "classes_per_client"), [11], "11 is not in 1 … 10"),
        (("datasets", "cifar10", "partition", "rule"), "workers", "datasets.cifar10: "),
        (("datasets", "cifar10"), read("quick")["datasets"]["flickr_aes"],
         "cifar10.partition.rule: 'workers', but cifar10 has classes"),
        (("datasets", "flickr_aes", "partition", "rule"), "balanced", "datasets.flickr_aes: "),
        (("datasets", "cifar10", "sources"), [{"from": "ftp"}], "'ftp' is not one of ['files'"),
        (("datasets", "cifar10", "sources"), [{"from": "files"}], "'files' needs a folder"),
        (("datasets", "cifar10", "sources"), [{"from": "files", "folder": "/x"}], "'/x' does not"),
        (("datasets", "cifar10", "sources"), [{"from": "files", "folder": "a/../b"}], "does not"),
        (("datasets", "cifar10", "stand_in"), None, "cifar10.sources: empty, and there is"),
        (("datasets", "flickr_aes", "resize_filter"), "area", "'area' is not one of"),
        (("datasets", "flickr_aes", "partition", "min_ratings"), 300, "more than max_ratings"),
        (("datasets", "flickr_aes", "partition", "min_ratings_per_score"), 1, "1 is less than"),
        (("datasets", "flickr_aes", "partition", "min_ratings"), 20, "fewer than 5 images"),
        (("datasets", "flickr_aes", "stand_in", "fewest_ratings"), 999, "more than most_ratings"),
        (("datasets", "cifar10", "n_clients"), 3, "3 clients x 4 classes cannot be"),
        (("optimiser", "momentum"), 1, "optimiser.momentum"),
        (("optimiser", "momentum"), "0.9", "optimiser.momentum: '0.9' is not of type 'number'"),
        (("optimiser", "state"), "kept", "'kept' is not one of ['anew', 'carried']"),
        (("initialisation", "personal"), "zero", "'zero' is not one of ['same', 'independent']"),
        (("datasets", "cifar10", "pixels"), "raw", "'raw' is not one of ['centred', 'unit',"),
        (("datasets", "cifar10", "augmentation"), "flip", "'flip' is not one of ['none',"),
        (("datasets", "cifar10", "tests", "reference", "when"), "never", "'never' is not one of"),
        (("datasets", "cifar10", "tests", "others", 0, "batchnorm"), "batch", "'batch' is not"),
        (("datasets", "cifar10", "tests", "others_every"), 0, "0 is less than the minimum of 1"),
        (("datasets", "cifar10", "partition", "images_per_class"), 3,
         "cifar10.partition: 3 training images of each class cannot be shared by 10 clients x 4"),
        (("datasets", "cifar10", "partition", "test"), {"from": "own", "fraction": 1},
         "partition.test.fraction: 1 is greater than or equal to the maximum of 1"),
        (("datasets", "cifar10", "partition", "test"), {"from": "own", "fraction": 0.001},
         "partition.test.fraction: 0.001 of a client's 48 images leaves none for testing"),
        (("datasets", "cifar10", "partition", "test"), {"from": "own", "images_per_class": 9},
         "partition.test: unknown key 'images_per_class'; known are from, fraction"),
        (("datasets", "cifar10", "partition", "test"), {"from": "elsewhere"}, "'elsewhere' is no"),
        (("seeds",), [], "seeds"),
        (("seeds",), [1, 1], "seeds"),
        (("datasets", "cifar10", "rounds"), 0, "datasets.cifar10.rounds"),
        (("datasets", "cifar10", "rounds"), 10.0, "10.0 is not of type 'integer'"),
        (("datasets", "cifar10", "learning_rate"), float("nan"), "nan is not of type 'number'"),
        (("seeds",), [True], "True is not of type 'integer'"),
        (("evaluation", "batch_size"), 2, "evaluation.batch_size: 2 is less than"),
        (("datasets", "cifar10", "stand_in", "source"), "letters", "stand_in.source"),
        (("datasets", "cifar10", "stand_in"), read("quick")["datasets"]["cifar100"]["stand_in"],
         "'coloured_digits' cannot stand in for cifar10; what can is digits"),
    ],
)  # fmt: skip
def test_wrong_values_fail_with_key_and_reason(config, path, value, message):
    holder_of(config, path)[path[-1]] = value
    with pytest.raises(InputError) as error:
        check_config(config, "quick.yaml")
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
    expected -= {("cifar100", "mobilenet_v1", 40, 4, seed) for seed in (0, 1)}
    expected |= {
        ("flickr_aes", model, None, k_p, seed)
        for model in MODELS for k_p in range(5) for seed in (0, 1)
    }  # fmt: skip
    runs = list(runs_of_figures(config).values())
    plain = [r for r in runs if r.method.name in ("FedAvg", "FedPer")]
    found = [
        (r.dataset, r.model, r.classes_per_client, r.method.personalization_layers, r.seed)
        for r in plain
    ]
    assert len(found) == len(expected)
    assert set(found) == expected
    others = {(r.dataset, r.method.name) for r in runs if r not in plain}
    configured = ("FedPer linear base", "local training")
    variants = (*configured, "FedPer fine-tuned")
    assert others == {
        *(("cifar10", method) for method in configured),
        *((d, method) for d in ("cifar100", "flickr_aes") for method in variants),
    }
    assert len(figure_runs(config, "figure2")) == 24
    assert len(figure_runs(config, "figure4")) == 20


@pytest.mark.parametrize(("scale", "n_runs"), [("quick", 70), ("cpu", 143), ("paper", 421)])
def test_every_scale_has_as_many_runs_as_the_readme_says(scale, n_runs):
    assert len(all_runs(read(scale))) == n_runs
    row = re.search(rf"^\| `{scale}`.*$", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    assert f"| {n_runs}" in row[0]


def test_a_setting_of_one_figure_makes_runs_of_its_own(config):
    before = all_runs(config)
    config["figures"]["figure4"]["set"] = {"rounds": 3}
    after = all_runs(config)
    new = [run for name, run in after.items() if name not in before]
    assert len(new) == 15  # FedAvg and four K_P, three seeds
    assert {run.rounds for run in new} == {3}
    # figure 2 still needs its own runs at k = 4; those of K_P = 1, 3 and 4 nobody asks for now
    gone = [run for name, run in before.items() if name not in after]
    assert {run.method.personalization_layers for run in gone} == {1, 3, 4}


JOINT = (Phase("all", 1),)  # e of the quick scale


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FedAvg", Method("FedAvg", "last", 0, "full", JOINT, ())),
        ("FedPer", Method("FedPer", "last", 3, "full", JOINT, ())),
        ("local training", Method("local training", "last", 15, "full", JOINT, ())),
        (
            "FedPer fine-tuned",
            Method("FedPer fine-tuned", "last", 3, "full", JOINT, (Phase("personal", 1),)),
        ),
        ("FedPer linear base", Method("FedPer linear base", "last", 3, "linear", JOINT, ())),
    ],
)
def test_a_method_is_what_the_configuration_says_with_its_own_layers_or_the_figures(
    config, name, expected
):
    free = config["methods"][name]["personalization_layers"] == "figure"
    config["figures"] = {"figure6": {"runs": [
        {"datasets": ["flickr_aes"], "models": ["mobilenet_v1"], "methods": ["FedPer"],
         "personalization_layers": [3]},
        {"datasets": ["flickr_aes"], "models": ["mobilenet_v1"], "methods": [name],
         **({"personalization_layers": [3]} if free else {})},
    ]}}  # fmt: skip
    check_config(config, "quick.yaml")
    found = {run.method.name: run.method for run in figure_runs(config, "figure6")}
    assert found[name] == expected


def test_fedrep_and_lg_fedavg_are_a_few_lines_of_configuration(config):
    config["methods"] |= yaml.safe_load(
        """
        FedRep:
          personal: last
          personalization_layers: figure
          base: full
          train: [{layers: personal, epochs: 10}, {layers: base, epochs: local}]
          new_base: []
        LG-FedAvg:
          personal: first
          personalization_layers: 13
          base: full
          train: [{layers: all, epochs: local}]
          new_base: []
        """
    )
    methods = ["FedAvg", "FedPer", "FedRep", "LG-FedAvg"]
    grid = {**config["figures"]["figure2"]["runs"][0], "classes_per_client": [4]}
    config["figures"]["further_methods"] = {"runs": [{**grid, "methods": methods}]}
    check_config(config, "quick.yaml")
    found = {run.method.name: run.method for run in figure_runs(config, "further_methods")}
    alternately = (Phase("personal", 10), Phase("base", 1))
    assert found["FedRep"] == Method("FedRep", "last", 2, "full", alternately, ())
    assert found["LG-FedAvg"] == Method("LG-FedAvg", "first", 13, "full", JOINT, ())
    config["figures"]["figure2"]["runs"][0]["methods"] = methods
    with pytest.raises(InputError, match="figure2: shows FedAvg, FedPer, no FedRep"):
        check_config(config, "quick.yaml")


AVERAGED, BEFORE, AFTER = (Test(when, "averaged") for when in ("end", "before", "after"))


@pytest.mark.parametrize(
    ("reference", "others", "plain", "tuned"),
    [
        (AVERAGED, [BEFORE, AFTER], (AVERAGED, BEFORE), (AVERAGED, BEFORE, AFTER)),
        (AFTER, [AVERAGED, BEFORE], (AVERAGED, BEFORE), (AFTER, AVERAGED, BEFORE)),
        (AVERAGED, [BEFORE, AVERAGED], (AVERAGED, BEFORE), (AVERAGED, BEFORE)),
    ],
)
def test_after_aggregation_is_the_end_where_no_training_follows(
    config, reference, others, plain, tuned
):
    as_written = [{"when": test.when, "batchnorm": test.batchnorm} for test in (reference, *others)]
    tests = {"reference": as_written[0], "others": as_written[1:], "others_every": 3}
    config["datasets"]["flickr_aes"]["tests"] = tests
    check_config(config, "quick.yaml")
    runs = [run for run in figure_runs(config, "figure6") if run.dataset == "flickr_aes"]
    assert {run.other_tests_every for run in runs} == {3}
    assert {run.method.name for run in runs if run.tests == tuned} >= {"FedPer fine-tuned"}
    assert {run.method.name: run.tests for run in runs} == {
        run.method.name: tuned if run.method.new_base else plain for run in runs
    }


def test_methods_of_the_committed_configurations_are_the_same():
    """So that a name means one thing in all results."""
    paper, *others = (read(scale)["methods"] for scale in ("paper", "cpu", "quick"))
    assert all(methods == paper for methods in others)
    tiny = yaml.safe_load((REPOSITORY / "tests/tiny.yaml").read_text())["methods"]
    assert {name: tiny[name] for name in paper} == paper


def test_what_is_in_no_record_says_which_file_needs_one(config):
    for section, file in (("datasets", "names.py"), ("models", "names.py"), ("figures", "figures")):
        changed = copy.deepcopy(config)
        changed[section]["new"] = next(iter(changed[section].values()))
        with pytest.raises(InputError, match=rf"quick: {section}: unknown key 'new'; .*{file}"):
            check_config(changed, "quick")


def test_a_configuration_is_read_and_checked(tmp_path):
    path = tmp_path / "quick.yaml"
    path.write_text(
        (REPOSITORY / "config/quick.yaml").read_text().replace("seeds: [0, 1, 2]", "seed: 0", 1)
    )
    assert read_config(REPOSITORY / "config/quick.yaml") == read("quick")
    with pytest.raises(InputError, match=r"quick\.yaml: unknown key 'seed'"):
        read_config(path)


OTHER = {
    "stand_in": {"source": "digits"},
    "samples": {"rule": "balanced"},
    "deterministic": False,
    "tests": (Test("end", "own"),),
    "method": Method("FedPer", "first", 2, "full", (Phase("all", 2),), ()),
}


@pytest.mark.parametrize("setting", asdict(RUN))
def test_every_setting_is_in_the_name_of_the_run(setting):
    value = getattr(RUN, setting)
    if setting not in OTHER:
        value = f"{value}x" if isinstance(value, str) else value + 1
    assert replace(RUN, **{setting: OTHER.get(setting, value)}).name != RUN.name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "other"),
        ("personal", "first"),
        ("personalization_layers", 3),
        ("base", "linear"),
        ("train", (Phase("all", 3),)),
        ("train", (Phase("base", 2),)),
        ("new_base", (Phase("personal", 1),)),
    ],
)
def test_every_part_of_a_method_is_in_the_name_of_the_run(key, value, make_run):
    assert make_run(**{key: value}).name != RUN.name


def test_a_run_survives_json_and_a_run_json_file(tmp_path):
    assert read_run(RUN.to_json()) == RUN
    (tmp_path / "run.json").write_text(json.dumps({"run": asdict(RUN), "name": RUN.name}))
    assert read_run(str(tmp_path / "run.json")) == RUN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("momentum"), "missing key 'momentum'"),
        (lambda d: d.update(momentun=0.9), "unknown key 'momentun'"),
        (lambda d: d.update(stem="cifra"), "stem: 'cifra' is not one of"),
        (lambda d: d["method"].update(base="none"), "method.base: 'none' is not one of"),
        (lambda d: d["method"].update(personal="middle"), "personal: 'middle' is not one of"),
        (lambda d: d["method"].pop("train"), "method: missing key 'train'"),
        (lambda d: d["method"]["train"][0].update(layers="head"), "layers: 'head' is not one of"),
        (lambda d: d.update(method="FedPer"), "method: 'FedPer' is not of type 'object'"),
        (lambda d: d["tests"][0].update(batchnorm="batch"), "batchnorm: 'batch' is not one of"),
        (lambda d: d["tests"][0].pop("when"), "tests.0: missing key 'when'"),
        (lambda d: d["tests"][0].pop("train"), "tests.0: missing key 'train'"),
        (lambda d: d.update(batchnorm_statistics="own"), "unknown key 'batchnorm_statistics'"),
        (lambda d: d.update(dataset="imagenet"), "dataset: 'imagenet' is not one of cifar10, "),
        (lambda d: d.update(model="vgg11"), "model: 'vgg11' is not one of mobilenet_v1, "),
        (lambda d: d["method"].update(name="\ud800"), "method.name: .* it may hold letters"),
        (lambda d: d.update(batch_size=2**63), "batch_size: 9223372036854775808 is greater"),
        (lambda d: d.update(threads=2**31), "threads: 2147483648 is greater"),
        (lambda d: d.update(learning_rate=1e308), r"learning_rate: 1e\+308 is greater"),
        (lambda d: d.update(learning_rate=10**309), "learning_rate: 1000.* is not of type"),
        (lambda d: d.update(weight_decay=float("nan")), "weight_decay: nan is not of type"),
        (lambda d: d.update(rounds=2.0), "rounds: 2.0 is not of type 'integer'"),
        (lambda d: d.update(seed=-1), "seed: -1 is less than"),
        (lambda d: d.update(tests=[]), "tests: "),
        (lambda d: d["tests"][0].update(when="before"), "tests: none at the end of a round"),
        (
            lambda d: d.update(tests=[*d["tests"], asdict(Test("after", "own"))]),
            "'after' .* write 'end'",
        ),
        (
            lambda d: d["method"].update(personalization_layers=0, new_base=[TUNE]),
            "method.new_base: needs personal layers, but 0 of 18 layers are personal",
        ),
        (
            lambda d: d["method"].update(personalization_layers=18, train=[BASE]),
            "method.train: needs base layers, but 18 of 18 layers are personal",
        ),
        (
            lambda d: (
                d["method"].update(personalization_layers=0)
                or d["tests"].append(asdict(Test("end", "own", "fresh")))
            ),
            "tests.1: needs personal layers, but 0 of 18",
        ),
    ],
)
def test_settings_of_a_run_have_no_defaults_and_are_checked(change, message):
    settings = json.loads(RUN.to_json())
    change(settings)
    with pytest.raises(InputError, match=message) as refused:
        read_run(json.dumps(settings))
    assert str(refused.value).startswith("the settings: ")
    assert "\n" not in str(refused.value)


TUNE, BASE = {"layers": "personal", "epochs": 1}, {"layers": "base", "epochs": 1}


def test_settings_that_are_not_those_of_the_name_beside_them_are_refused(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"run": asdict(replace(RUN, seed=3)), "name": RUN.name}))
    with pytest.raises(InputError, match=rf"run.json: name: '{RUN.name}', but .* those of "):
        read_run(str(path))


@pytest.mark.parametrize("text", ["[]", "1", "null", '{"run": []}', '{"run": null}', "{}"])
def test_what_is_no_mapping_of_settings_is_refused(text, tmp_path):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run.json: (missing key|.* is not of type 'object')"):
        read_run(str(tmp_path / "run.json"))


def test_whole_numbers_are_numbers_and_give_the_run_the_same_name():
    settings = json.loads(RUN.to_json()) | {"weight_decay": 0, "width": 1}
    run = read_run(json.dumps(settings))
    assert run.name == replace(RUN, weight_decay=0.0, width=1.0).name


def test_settings_that_do_not_go_together_are_refused_in_a_configuration_too(config):
    config["methods"]["FedPer"]["new_base"] = [TUNE]
    config["methods"]["FedAvg"]["new_base"] = [TUNE]
    message = "quick.yaml: FedAvg on cifar10: method.new_base: needs personal layers"
    with pytest.raises(InputError, match=message):
        check_config(config, "quick.yaml")


def test_settings_that_are_no_json_are_refused(tmp_path):
    for text in ("{", str(tmp_path / "absent.json")):
        with pytest.raises(InputError, match="not readable as JSON"):
            read_run(text)


def test_the_note_says_stand_in_scale_width_and_seeds(config):
    digits = "Handwritten digits (stand-in for CIFAR-10)"
    expected = f"{digits}; scale quick; models of width 0.125; 1 to 3 seeds"
    assert describe_figure(config, "figure2") == expected
    words = describe_all(config)
    assert words.startswith(f"{digits}; Coloured digits (stand-in for CIFAR-100); ")
    assert words.endswith("; scale quick; models of width 0.125; 1 to 5 seeds")
    both = read("former")
    both["models"]["resnet34"]["width"] = 1
    assert "mobilenet_v1 of width 0.5, resnet34 of width 1;" in describe_figure(both, "figure2")
    paper = describe_figure(read("paper"), "clients")
    assert paper == "CIFAR-10; CIFAR-100; FLICKR-AES; scale paper; models of width 1; 5 seeds"
    assert describe_partition(read("paper"), "cifar100") == "CIFAR-100; scale paper; seed 0"


def test_a_figure_that_would_average_over_different_settings_is_refused(config):
    changed = copy.deepcopy(config)
    changed["figures"]["figure4"]["runs"][0]["classes_per_client"] = [4, 8]
    with pytest.raises(InputError, match=r"figure4: .* one value of classes_per_client.*\[4, 8\]"):
        check_config(changed, "quick.yaml")
    changed = copy.deepcopy(config)
    changed["figures"]["figure2"]["runs"][0]["personalization_layers"] = [1, 2]
    with pytest.raises(InputError, match=r"figure2: .* besides FedAvg, not of \[1, 2\]"):
        check_config(changed, "quick.yaml")

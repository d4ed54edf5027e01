"""The check of a configuration, before anything runs."""

import math
from pathlib import Path

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from fedper.data.partition import check_balance
from fedper.errors import InputError
from fedper.names import DATASETS, MODELS
from fedper.plan.experiments import figure_runs
from fedper.plan.yaml_files import read_yaml

REPOSITORY = Path(__file__).resolve().parents[3]
SCHEMA = REPOSITORY / "workflow/schemas/config.schema.yaml"
FIGURES = REPOSITORY / "paper/figures.yaml"

StrictValidator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
        }
    ),
)
"""JSON Schema, but 10.0 is no integer, and NaN and infinity are no numbers."""


def read_config(path: Path) -> dict:
    """Read and check a scale's configuration; raises InputError for what is wrong in it."""
    config = read_yaml(path)
    check_config(config, source=str(path))
    return config


def check_config(config: dict, source: str) -> None:
    """Raise InputError for the first key that is missing, unknown or wrong.

    ``source`` is what the message calls the configuration, usually its file.
    """
    errors = StrictValidator(read_yaml(SCHEMA)).iter_errors(config)
    errors = sorted(errors, key=lambda error: list(map(str, error.path)))
    if errors:
        raise InputError(f"{source}: {_describe(errors[0])}")
    figures = read_yaml(FIGURES)
    _check_names(config["datasets"], DATASETS, f"{source}: datasets", "fedper/names.py")
    _check_names(config["models"], MODELS, f"{source}: models", "fedper/names.py")
    _check_names(config["figures"], figures, f"{source}: figures", "paper/figures.yaml")
    for name, data in config["datasets"].items():
        _check_dataset(name, data, f"{source}: datasets.{name}")
    for name in config["figures"]:
        _check_figure(config, name, figures[name], f"{source}: figures.{name}")


def _check_names(asked: dict, known: dict, where: str, file: str) -> None:
    for name in asked:
        if name not in known:
            raise InputError(
                f"{where}: unknown key '{name}'; known are {', '.join(known)}, and a further one "
                f"needs a record in {file}"
            )


def _check_dataset(name: str, data: dict, where: str) -> None:
    record, partition, stand_in = DATASETS[name], data["partition"], data["stand_in"]
    if (partition["rule"] == "workers") != (record.clients == "workers"):
        raise InputError(
            f"{where}.partition.rule: '{partition['rule']}', but {name} has {record.clients}"
        )
    if stand_in and stand_in["source"] not in record.stand_ins:
        raise InputError(
            f"{where}.stand_in.source: '{stand_in['source']}' cannot stand in for {name}; what can "
            f"is {', '.join(record.stand_ins) or 'nothing'}"
        )
    if not data["sources"] and not stand_in:
        raise InputError(f"{where}.sources: empty, and there is no stand_in either; name a source")
    for index, source in enumerate(data["sources"]):
        if ("folder" in source) != (source["from"] == "files"):
            raise InputError(f"{where}.sources.{index}: 'files' needs a folder, no other does")
    for k in partition.get("classes_per_client", []):
        at = f"{where}.partition.classes_per_client"
        check_balance(data["n_clients"], k, record.n_classes, at)
    if partition["rule"] == "workers":
        _check_workers(partition, stand_in or {}, record.n_classes, where)


def _check_workers(partition: dict, stand_in: dict, n_scores: int, where: str) -> None:
    if partition["min_ratings"] > partition["max_ratings"]:
        raise InputError(f"{where}.partition.min_ratings: more than max_ratings")
    share = min(partition["test_fraction"], 1 - partition["test_fraction"])
    if share * partition["min_ratings"] < n_scores:
        raise InputError(
            f"{where}.partition: {partition['min_ratings']} ratings split at "
            f"{partition['test_fraction']} leave a side with fewer than {n_scores} images"
        )
    if stand_in.get("fewest_ratings", 0) > stand_in.get("most_ratings", 0):
        raise InputError(f"{where}.stand_in.fewest_ratings: more than most_ratings")


def _check_figure(config: dict, name: str, figure: dict, where: str) -> None:
    for index, grid in enumerate(config["figures"][name]["runs"]):
        _check_grid(config, grid, f"{where}.runs.{index}")
    runs = figure_runs(config, name)
    methods = {run.method.name for run in runs}
    allowed = set(figure["methods"]) if "methods" in figure else methods
    if methods - allowed:
        wrong = min(methods - allowed)
        raise InputError(f"{where}: shows {', '.join(sorted(allowed))}, no {wrong}")
    if "compares_with" in figure and figure["compares_with"] not in methods:
        raise InputError(f"{where}: compares with {figure['compares_with']}; ask for it too")
    free = {m for m in methods if config["methods"][m]["personalization_layers"] == "figure"}
    depths = {run.method.personalization_layers for run in runs if run.method.name in free}
    if "personalization_layers" in figure["one"] and len(depths) != 1:
        raise InputError(
            f"{where}: this figure compares runs of one value of personalization_layers besides "
            f"FedAvg, not of {sorted(depths)}"
        )
    for dataset in {run.dataset for run in runs} if "classes_per_client" in figure["one"] else ():
        ks = {run.classes_per_client for run in runs if run.dataset == dataset}
        if len(ks) != 1:
            raise InputError(
                f"{where}: this figure compares runs of one value of classes_per_client for "
                f"each data set, not of {sorted(ks)}"
            )


def _check_grid(config: dict, grid: dict, where: str) -> None:
    for key in ("datasets", "models", "methods"):
        for name in grid[key]:
            if name not in config[key]:
                raise InputError(f"{where}.{key}: '{name}' is not under '{key}'")
    for dataset in grid["datasets"]:
        _check_ks(grid, dataset, config["datasets"][dataset]["partition"], where)
    methods = {name: config["methods"][name] for name in grid["methods"]}
    free = [name for name, m in methods.items() if m["personalization_layers"] == "figure"]
    if bool(free) != ("personalization_layers" in grid):
        takes = f"{free[0]} needs it" if free else f"{', '.join(methods)} have their own"
        raise InputError(f"{where}.personalization_layers: {takes}")
    for model in grid["models"]:
        n_layers = MODELS[model].n_layers
        for k_p in grid.get("personalization_layers", []):
            if k_p >= n_layers:
                raise InputError(
                    f"{where}.personalization_layers: {k_p} leaves none of the {n_layers} layers "
                    f"of {model} to share"
                )


def _check_ks(grid: dict, dataset: str, partition: dict, where: str) -> None:
    drawn = partition.get("classes_per_client")
    if (drawn is None) == ("classes_per_client" in grid):
        if drawn is None:
            raise InputError(
                f"{where}: {dataset} has no classes_per_client; its clients are workers"
            )
        raise InputError(f"{where}: missing key 'classes_per_client'")
    for k in grid.get("classes_per_client", []):
        if k not in drawn:
            raise InputError(
                f"{where}.classes_per_client: {k} is not in {drawn}, for which partitions of "
                f"{dataset} are drawn; add it at datasets.{dataset}.partition"
            )


def _describe(error: ValidationError) -> str:
    key = ".".join(map(str, error.absolute_path))
    prefix = f"{key}: " if key else ""
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = ", ".join(f"'{name}'" for name in error.instance if name not in known)
        return f"{prefix}unknown key {unknown}; known are {', '.join(known)}"
    if error.validator == "required":
        missing = ", ".join(f"'{k}'" for k in error.validator_value if k not in error.instance)
        return f"{prefix}missing key {missing}"
    return f"{prefix}{error.message}"

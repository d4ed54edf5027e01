"""The check of a configuration, before anything runs."""

import math

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from fedper.data.catalogue import N_SCORES
from fedper.errors import InputError
from fedper.experiments import figure_runs, is_by_worker
from fedper.run import N_LAYERS

ONE_DEPTH = ("figure2", "figure3", "figure6", "figure7", "clients", "communication")
"""Figures whose runs of FedPer have one K_P."""

ONE_K = ("figure4", "figure5", "figure6", "figure8", "clients", "communication")
"""Figures whose runs on one data set have one k."""

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


def check_config(config: dict, schema: dict, source: str) -> None:
    """Raise InputError for the first key that is missing, unknown or wrong.

    ``source`` is what the message calls the configuration, usually its file.
    """
    errors = StrictValidator(schema).iter_errors(config)
    errors = sorted(errors, key=lambda error: list(map(str, error.path)))
    if errors:
        raise InputError(f"{source}: {_describe(errors[0])}")
    for name, data in config["datasets"].items():
        _check_dataset(name, data, f"{source}: datasets.{name}")
    for name, figure in config["figures"].items():
        _check_figure(config, name, figure, source)


def _check_dataset(name: str, data: dict, where: str) -> None:
    if not data["sources"] and not data["stand_in"]:
        raise InputError(f"{where}.sources: empty, and there is no stand_in either; name a source")
    for index, source in enumerate(data["sources"]):
        if ("folder" in source) != (source["from"] == "files"):
            raise InputError(f"{where}.sources.{index}: 'files' needs a folder, no other does")
    n_clients, n_classes = data["n_clients"], data["n_classes"]
    for k in data["partition"].get("classes_per_client", []):
        key = f"{where}.partition.classes_per_client"
        if k > n_classes:
            raise InputError(f"{key}: {k} is more than the {n_classes} classes of {name}")
        if n_clients * k % n_classes:
            raise InputError(
                f"{key}: {n_clients} clients x {k} classes is not a multiple of {n_classes}, "
                "so no partition is balanced"
            )
    partition = data["partition"]
    if "min_ratings" in partition:
        _check_workers(partition, data["stand_in"] or {}, where)


def _check_workers(partition: dict, stand_in: dict, where: str) -> None:
    if partition["min_ratings"] > partition["max_ratings"]:
        raise InputError(f"{where}.partition.min_ratings: more than max_ratings")
    share = min(partition["test_fraction"], 1 - partition["test_fraction"])
    if share * partition["min_ratings"] < N_SCORES:
        raise InputError(
            f"{where}.partition: {partition['min_ratings']} ratings split at "
            f"{partition['test_fraction']} leave a side with fewer than {N_SCORES} images"
        )
    if stand_in.get("fewest_ratings", 0) > stand_in.get("most_ratings", 0):
        raise InputError(f"{where}.stand_in.fewest_ratings: more than most_ratings")


def _check_figure(config: dict, name: str, figure: dict, source: str) -> None:
    where = f"{source}: figures.{name}"
    for index, grid in enumerate(figure["runs"]):
        for dataset in grid["datasets"]:
            _check_grid(config, grid, dataset, f"{where}.runs.{index}")
    runs = figure_runs(config, name)
    variants = {variant for grid in figure["runs"] for variant in grid["variants"]}
    if name in ONE_DEPTH:
        depths = {run.personalization_layers for run in runs if run.method.startswith("FedPer")}
        if len(depths) != 1:
            raise InputError(
                f"{where}: this figure compares runs of one value of personalization_layers "
                f"besides 0, not of {sorted(depths)}"
            )
    if name in ONE_K:
        for dataset in {run.dataset for run in runs}:
            ks = {run.classes_per_client for run in runs if run.dataset == dataset}
            if len(ks) != 1:
                raise InputError(
                    f"{where}: this figure compares runs of one value of classes_per_client for "
                    f"each data set, not of {sorted(ks)}"
                )
    methods = {run.method for run in runs}
    if name != "figure6" and (variants != {"plain"} or "local training" in methods):
        raise InputError(f"{where}: only figure6 shows training alone and variants but 'plain'")
    if name == "figure6" and "FedPer" not in methods:
        raise InputError(f"{where}: compares with FedPer; ask for its variant 'plain' too")


def _check_grid(config: dict, grid: dict, dataset: str, where: str) -> None:
    if dataset not in config["datasets"]:
        raise InputError(f"{where}.datasets: '{dataset}' is not under 'datasets'")
    drawn = config["datasets"][dataset]["partition"].get("classes_per_client")
    if is_by_worker(config, dataset) == ("classes_per_client" in grid):
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
    for model in grid["models"]:
        if model not in config["models"]:
            raise InputError(f"{where}.models: '{model}' is not under 'models'")
        for k_p in grid["personalization_layers"]:
            key = f"{where}.personalization_layers"
            n_layers = N_LAYERS[model]
            if k_p != "all" and k_p > n_layers:
                raise InputError(f"{key}: {k_p} is more than the {n_layers} layers of {model}")
            if k_p in (0, "all", n_layers) and {"linear_base", "personal_finetuning"} & {
                *grid["variants"]
            }:
                raise InputError(f"{key}: {k_p} leaves nothing for {grid['variants']} to vary")
            if k_p != 0 and "evaluation_finetuning" in grid["variants"]:
                raise InputError(
                    f"{key}: {k_p} with evaluation_finetuning; that is a variant of FedAvg, so of 0"
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

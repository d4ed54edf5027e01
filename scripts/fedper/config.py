"""The configuration of one scale: its check, and the runs that it asks for."""

import hashlib
import json
import math
from itertools import product

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from fedper.errors import InputError
from fedper.models import N_LAYERS
from fedper.run import Run

FIXED = {"figure2": "personalization_layers", "figure4": "classes_per_client"}
"""The setting that each figure of the paper holds fixed; its lines are told apart by the other."""

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


def figure_runs(config: dict, figure: str) -> list[Run]:
    """List the runs behind one figure, for all seeds, in the order of the configuration."""
    return [
        _run(config, config["figures"][figure]["dataset"], panel["model"], k, k_p, seed)
        for panel in config["figures"][figure]["panels"]
        for k, k_p, seed in product(
            panel["classes_per_client"], panel["personalization_layers"], config["seeds"]
        )
    ]


def all_runs(config: dict) -> dict[str, Run]:
    """List every run of the scale once, by name."""
    return {run.name: run for figure in config["figures"] for run in figure_runs(config, figure)}


def data_settings(config: dict, dataset: str) -> dict:
    """List what decides the content of a prepared data set, besides its files and the seed."""
    data = config["datasets"][dataset]
    keys = ["n_classes", "stand_in"]
    if is_by_worker(config, dataset):
        keys += ["n_clients", "partition", "image_size", "resize_filter"]
    return {"dataset": dataset, **{key: data[key] for key in keys}}


def data_name(config: dict, dataset: str, seed: int | None = None) -> str:
    """Name the files of a prepared data set, or, without a seed, its receipt.

    A stand-in never has the real one's name, and other settings or other sources are other files,
    so no tool can take one for the other. Only where clients are workers does a seed decide which
    images are in it.
    """
    stand_in = config["datasets"][dataset]["stand_in"]
    sources = sorted(config["datasets"][dataset]["sources"], key=json.dumps)
    content = json.dumps([data_settings(config, dataset), sources], sort_keys=True)
    parts = [dataset, stand_in["source"]] if stand_in else [dataset]
    parts.append(hashlib.sha256(content.encode()).hexdigest()[:8])
    if seed is not None and is_by_worker(config, dataset):
        parts.append(f"seed{seed}")
    return "-".join(parts)


def is_by_worker(config: dict, dataset: str) -> bool:
    """Tell whether the data set itself says who its clients are (FLICKR-AES)."""
    return "min_ratings" in config["datasets"][dataset]["partition"]


def describe_data(config: dict, dataset: str) -> str:
    """Say what data a figure shows, and of which scale."""
    return f"{config['datasets'][dataset]['title']}; scale {config['scale']}"


def describe_figure(config: dict, figure: str) -> str:
    """Say in one line what a figure shows: data, scale, width of its models, seeds."""
    settings = config["figures"][figure]
    widths = {p["model"]: config["models"][p["model"]]["width"] for p in settings["panels"]}
    if len(set(widths.values())) == 1:
        width = f"models of width {next(iter(widths.values())):g}"
    else:
        width = ", ".join(f"{model} of width {value:g}" for model, value in widths.items())
    n_seeds = len(config["seeds"])
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    return f"{describe_data(config, settings['dataset'])}; {width}; {seeds}"


def describe_all(config: dict) -> str:
    """Say what a table over all figures' runs shows."""
    return ". ".join(dict.fromkeys(describe_figure(config, name) for name in config["figures"]))


def _run(config: dict, dataset: str, model: str, k: int, k_p: int, seed: int) -> Run:
    data = config["datasets"][dataset]
    return Run(
        dataset=dataset,
        stand_in=data["stand_in"],
        n_clients=data["n_clients"],
        classes_per_client=k,
        train_images_per_class=data["partition"]["train_images_per_class"],
        test_images_per_class=data["partition"]["test_images_per_class"],
        model=model,
        width=float(config["models"][model]["width"]),
        stem=config["models"][model]["stem"],
        personalization_layers=k_p,
        rounds=data["rounds"],
        local_epochs=data["local_epochs"],
        batch_size=data["batch_size"],
        learning_rate=float(data["learning_rate"]),
        momentum=float(config["optimiser"]["momentum"]),
        weight_decay=float(config["optimiser"]["weight_decay"]),
        batchnorm_statistics=config["evaluation"]["batchnorm_statistics"],
        evaluation_batch_size=config["evaluation"]["batch_size"],
        threads=config["compute"]["threads"],
        seed=seed,
    )


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
    if partition.get("min_ratings", 0) > partition.get("max_ratings", 0):
        raise InputError(f"{where}.partition.min_ratings: more than max_ratings")


def _check_figure(config: dict, name: str, figure: dict, source: str) -> None:
    where = f"{source}: figures.{name}"
    if figure["dataset"] not in config["datasets"]:
        raise InputError(f"{where}.dataset: '{figure['dataset']}' is not under 'datasets'")
    if is_by_worker(config, figure["dataset"]):
        raise InputError(f"{where}.dataset: {figure['dataset']} has no classes_per_client")
    models = [panel["model"] for panel in figure["panels"]]
    if len(set(models)) < len(models):
        raise InputError(f"{where}.panels: two panels of one model; join their lists")
    for index, panel in enumerate(figure["panels"]):
        _check_panel(config, panel, figure["dataset"], f"{where}.panels.{index}")
    key = FIXED[name]
    values = {value for panel in figure["panels"] for value in panel[key]}
    if key == "personalization_layers":
        values -= {0}  # FedAvg, which the figure compares with
    if len(values) != 1:
        raise InputError(
            f"{where}: this figure compares runs of one value of {key}"
            f"{' besides 0' if key == 'personalization_layers' else ''}, not of {sorted(values)}"
        )


def _check_panel(config: dict, panel: dict, dataset: str, where: str) -> None:
    if panel["model"] not in config["models"]:
        raise InputError(f"{where}.model: '{panel['model']}' is not under 'models'")
    drawn = config["datasets"][dataset]["partition"]["classes_per_client"]
    for k in panel["classes_per_client"]:
        if k not in drawn:
            raise InputError(
                f"{where}.classes_per_client: {k} is not in {drawn}, for which partitions of "
                f"{dataset} are drawn; add it at datasets.{dataset}.partition"
            )
    n_layers = N_LAYERS[panel["model"]]
    for k_p in panel["personalization_layers"]:
        if k_p > n_layers:
            raise InputError(
                f"{where}.personalization_layers: {k_p} is more than the {n_layers} layers "
                f"of {panel['model']}"
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

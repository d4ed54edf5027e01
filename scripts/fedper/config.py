"""The configuration of one scale: its check, and the runs that it asks for."""

from itertools import product

from jsonschema import Draft202012Validator, ValidationError

from fedper.errors import InputError
from fedper.models import N_LAYERS
from fedper.run import Run


def check_config(config: dict, schema: dict, source: str) -> None:
    """Raise InputError for the first key that is missing, unknown or wrong.

    ``source`` is what the message calls the configuration, usually its file.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda e: list(e.path))
    if errors:
        raise InputError(f"{source}: {_describe(errors[0])}")
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


def describe_data(config: dict, dataset: str) -> str:
    """Say what data a figure shows, and of which scale."""
    return f"{config['datasets'][dataset]['title']}; scale {config['scale']}"


def describe_scale(config: dict, dataset: str) -> str:
    """Say in one line what a figure or table shows: data, scale, narrower models, seeds."""
    widths = sorted({model["width"] for model in config["models"].values()})
    narrower = "" if widths == [1.0] else f", width {'/'.join(f'{w:g}' for w in widths)}"
    n_seeds = len(config["seeds"])
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    return f"{describe_data(config, dataset)}{narrower}; {seeds}"


def _run(config: dict, dataset: str, model: str, k: int, k_p: int, seed: int) -> Run:
    data = config["datasets"][dataset]
    return Run(
        dataset=dataset,
        stand_in=data["stand_in"],
        n_clients=data["n_clients"],
        classes_per_client=k,
        train_images_per_class=data["train_images_per_class"],
        test_images_per_class=data["test_images_per_class"],
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


def _check_figure(config: dict, name: str, figure: dict, source: str) -> None:
    where = f"{source}: figures.{name}"
    if figure["dataset"] not in config["datasets"]:
        raise InputError(f"{where}.dataset: '{figure['dataset']}' is not under 'datasets'")
    data = config["datasets"][figure["dataset"]]
    for index, panel in enumerate(figure["panels"]):
        here = f"{where}.panels.{index}"
        if panel["model"] not in config["models"]:
            raise InputError(f"{here}.model: '{panel['model']}' is not under 'models'")
        for k in panel["classes_per_client"]:
            if k > data["n_classes"]:
                raise InputError(
                    f"{here}.classes_per_client: {k} is more than the {data['n_classes']} "
                    f"classes of {figure['dataset']}"
                )
            if data["n_clients"] * k % data["n_classes"]:
                raise InputError(
                    f"{here}.classes_per_client: {data['n_clients']} clients x {k} classes is "
                    f"not a multiple of {data['n_classes']}, so no partition is balanced"
                )
        n_layers = N_LAYERS[panel["model"]]
        for k_p in panel["personalization_layers"]:
            if k_p > n_layers:
                raise InputError(
                    f"{here}.personalization_layers: {k_p} is more than the {n_layers} layers "
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

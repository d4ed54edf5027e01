"""What a configuration asks for: the runs behind each figure, and the data that they need."""

import hashlib
import json
from itertools import product

from fedper.names import DATASETS, MODELS
from fedper.run import Method, Phase, Run


def figure_runs(config: dict, figure: str) -> list[Run]:
    """List the runs behind one figure, in the order of the configuration."""
    settings = config["figures"][figure]
    runs = [
        _run(config, settings.get("set", {}), *values)
        for grid in settings["runs"]
        for values in product(
            grid["datasets"],
            grid["models"],
            grid.get("classes_per_client", [None]),
            grid["methods"],
            grid.get("personalization_layers", [None]),
            grid.get("seeds", config["seeds"]),
        )
    ]
    return list({run.name: run for run in runs}.values())


def all_runs(config: dict) -> dict[str, Run]:
    """List every run of the scale once, by name."""
    return {run.name: run for figure in config["figures"] for run in figure_runs(config, figure)}


def partitions_drawn(config: dict, dataset: str) -> list[tuple[int | None, int]]:
    """List (k, seed) of a data set's partitions: each k with the scale's seeds, and its runs'.

    k is None where clients are workers.
    """
    ks = config["datasets"][dataset]["partition"].get("classes_per_client", [None])
    runs = [run for run in all_runs(config).values() if run.dataset == dataset]
    drawn = [*product(ks, config["seeds"]), *((run.classes_per_client, run.seed) for run in runs)]
    return list(dict.fromkeys(drawn))


def partition_file(dataset: str, k: int | None, seed: int) -> str:
    """Name the file of a partition that :func:`partitions_drawn` lists."""
    return f"{dataset}-seed{seed}.json" if k is None else f"{dataset}-k{k}-seed{seed}.json"


def data_settings(config: dict, dataset: str) -> dict:
    """List what decides the content of a prepared data set, besides its files and the seed."""
    data = config["datasets"][dataset]
    keys = ["stand_in"]
    if is_by_worker(dataset):
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
    if seed is not None and is_by_worker(dataset):
        parts.append(f"seed{seed}")
    return "-".join(parts)


def is_by_worker(dataset: str) -> bool:
    """Tell whether the data set itself says who its clients are (FLICKR-AES)."""
    return DATASETS[dataset].clients == "workers"


def describe_partition(config: dict, dataset: str) -> str:
    """Say what a figure of partitions shows: data, scale, seed."""
    title, seed = config["datasets"][dataset]["title"], config["seeds"][0]
    return f"{title}; scale {config['scale']}; seed {seed}"


def describe_figure(config: dict, figure: str) -> str:
    """Say in one line what a figure shows: data, scale, width of its models, seeds."""
    return _describe_grids(config, config["figures"][figure]["runs"])


def _describe_grids(config: dict, grids: list[dict]) -> str:
    datasets = dict.fromkeys(dataset for grid in grids for dataset in grid["datasets"])
    titles = "; ".join(config["datasets"][dataset]["title"] for dataset in datasets)
    models = dict.fromkeys(model for grid in grids for model in grid["models"])
    widths = {model: config["models"][model]["width"] for model in models}
    if len(set(widths.values())) == 1:
        width = f"models of width {next(iter(widths.values())):g}"
    else:
        width = ", ".join(f"{model} of width {value:g}" for model, value in widths.items())
    seeds = describe_seeds([len(grid.get("seeds", config["seeds"])) for grid in grids])
    return f"{titles}; scale {config['scale']}; {width}; {seeds}"


def describe_seeds(numbers: list[int]) -> str:
    """Say how many seeds there are: the same number everywhere, or from the least to the most."""
    fewest, most = min(numbers), max(numbers)
    if fewest < most:
        return f"{fewest} to {most} seeds"
    return "1 seed" if most == 1 else f"{most} seeds"


def describe_all(config: dict) -> str:
    """Say what a table over all figures' runs shows."""
    grids = [grid for figure in config["figures"].values() for grid in figure["runs"]]
    return _describe_grids(config, grids)


def _run(
    config: dict,
    overrides: dict,
    dataset: str,
    model: str,
    k: int | None,
    method: str,
    k_p: int | None,
    seed: int,
) -> Run:
    data = config["datasets"][dataset] | overrides
    samples = data["partition"] | {
        key: data[key] for key in ("image_size", "resize_filter") if key in data
    }
    samples.pop("classes_per_client", None)
    return Run(
        dataset=dataset,
        stand_in=data["stand_in"],
        n_clients=data["n_clients"],
        classes_per_client=k,
        samples=samples,
        model=model,
        width=float(config["models"][model]["width"]),
        stem=config["models"][model]["stem"],
        method=_method(config["methods"][method], method, model, k_p, data["local_epochs"]),
        rounds=data["rounds"],
        batch_size=data["batch_size"],
        learning_rate=float(data["learning_rate"]),
        momentum=float(config["optimiser"]["momentum"]),
        weight_decay=float(config["optimiser"]["weight_decay"]),
        batchnorm_statistics=config["evaluation"]["batchnorm_statistics"],
        evaluation_batch_size=config["evaluation"]["batch_size"],
        threads=config["compute"]["threads"],
        precision=config["compute"]["precision"],
        deterministic=config["compute"]["deterministic"],
        seed=seed,
    )


def _method(settings: dict, name: str, model: str, k_p: int | None, local_epochs: int) -> Method:
    """Put numbers in the place of "all" and "figure" (layers), and of "local" (epochs)."""
    numbers = {"all": MODELS[model].n_layers, "figure": k_p}
    depth = settings["personalization_layers"]
    phases = {
        key: tuple(
            Phase(phase["layers"], local_epochs if phase["epochs"] == "local" else phase["epochs"])
            for phase in settings[key]
        )
        for key in ("train", "new_base", "before_test")
    }
    return Method(
        name=name,
        personal=settings["personal"],
        personalization_layers=numbers.get(depth, depth),
        base=settings["base"],
        **phases,
    )

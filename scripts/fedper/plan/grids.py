"""The check of grids: what may be combined, for which figure."""

from fedper.errors import InputError
from fedper.names import MODELS
from fedper.plan.experiments import figure_runs


def check_figure(config: dict, name: str, figure: dict, where: str) -> None:
    """Raise InputError unless a figure's runs can be combined so; ``where`` starts the message.

    figure: its entry in ``paper/figures.yaml``, which says what its runs must have alike.
    """
    for index, grid in enumerate(config["figures"][name]["runs"]):
        check_grid(config, grid, f"{where}.runs.{index}")
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


def check_grid(config: dict, grid: dict, where: str) -> None:
    """Raise InputError if an entry of runs names what the configuration has not."""
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

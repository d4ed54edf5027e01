"""The runs behind each figure, and the words that describe them."""

from fedper.plan.runs import grid_runs
from fedper.plan.universes import universes
from fedper.run import Run


def figure_runs(config: dict, figure: str) -> list[Run]:
    """List the runs behind one figure, in the order of the configuration."""
    settings = config["figures"][figure]
    return grid_runs(config, settings["runs"], settings.get("set"))


def runs_of_figures(config: dict) -> dict[str, Run]:
    """List every run that figures, tables and claims show once, by name."""
    return {run.name: run for figure in config["figures"] for run in figure_runs(config, figure)}


def all_runs(config: dict) -> dict[str, Run]:
    """List every run of the scale once, by name: those of figures, and those of universes."""
    others = (run for universe in universes(config) for run in universe.runs)
    return runs_of_figures(config) | {run.name: run for run in others}


def describe_partition(config: dict, dataset: str) -> str:
    """Say what a figure of partitions shows: data, scale, seed."""
    title, seed = config["datasets"][dataset]["title"], config["seeds"][0]
    return f"{title}; scale {config['scale']}; seed {seed}"


def describe_figure(config: dict, figure: str) -> str:
    """Say in one line what a figure shows: data, scale, width of its models, seeds."""
    return _describe_grids(config, config["figures"][figure]["runs"])


def describe_multiverse(config: dict, dataset: str) -> str:
    """Say what a figure of the multiverse shows, which is about one data set's runs."""
    grids = [grid for grid in config["multiverse"]["runs"] if dataset in grid["datasets"]]
    return _describe_grids(config, [grid | {"datasets": [dataset]} for grid in grids])


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

"""The check of a configuration, before anything runs."""

from pathlib import Path

from fedper.data.classes import check_classes
from fedper.errors import InputError
from fedper.names import DATASETS, MODELS
from fedper.plan.experiments import all_runs
from fedper.plan.grids import check_figure, check_grid
from fedper.plan.run_file import check_settings
from fedper.plan.schema import check_against_schema
from fedper.plan.universes import universes, with_changes
from fedper.plan.yaml_files import YAML_ERRORS, plain, read_yaml

REPOSITORY = Path(__file__).resolve().parents[3]
FIGURES = REPOSITORY / "paper/figures.yaml"


def read_config(path: Path, overrides: dict | None = None) -> dict:
    """Read and check a scale's configuration; raises InputError for what is wrong in it.

    overrides: as Snakemake's ``--config`` gives them, values as texts; they are laid over what the
    file says, mapping by mapping. The file is named after the scale, so that a copied file cannot
    overwrite the results of another scale because of a line that was forgotten.
    """
    config = read_yaml(path)
    try:
        given = plain(overrides or {})
    except YAML_ERRORS as error:
        raise InputError(f"--config: {' '.join(str(error).split())}") from error
    source = f"{path} with --config {', '.join(given)}" if given else str(path)
    if isinstance(config, dict):
        config = lay_over(config, given)
    check_config(config, source)
    if config["scale"] != path.stem:
        raise InputError(
            f"{source}: scale: '{config['scale']}', but the file is {path.name}, so its results "
            f"would pass for those of another; write 'scale: {path.stem}', or rename the file"
        )
    return config


def lay_over(config: dict, given: dict) -> dict:
    """Return ``config`` with the values of ``given`` in their places."""
    merged = dict(config)
    for key, value in given.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = lay_over(below, value) if both else value
    return merged


def check_config(config: dict, source: str) -> None:
    """Raise InputError for the first key that is missing, unknown or wrong.

    ``source`` is what the message calls the configuration, usually its file.
    """
    check_against_schema(config, "", source)
    figures = read_yaml(FIGURES)
    _check_names(config["datasets"], DATASETS, f"{source}: datasets", "fedper/names.py")
    _check_names(config["models"], MODELS, f"{source}: models", "fedper/names.py")
    _check_names(config["figures"], figures, f"{source}: figures", "paper/figures.yaml")
    for name, data in config["datasets"].items():
        _check_dataset(name, data, f"{source}: datasets.{name}")
    for name in config["figures"]:
        check_figure(config, name, figures[name], f"{source}: figures.{name}")
    for index, grid in enumerate(config["multiverse"]["runs"]):
        check_grid(config, grid, f"{source}: multiverse.runs.{index}")
    _check_one_model(config["multiverse"]["runs"], f"{source}: multiverse.runs")
    _check_universes(config, f"{source}: multiverse.universes")
    for run in all_runs(config).values():
        check_settings(run, f"{source}: {run.method.name} on {run.dataset}")


def _check_one_model(grids: list[dict], where: str) -> None:
    """Refuse several models of a data set: an average over them would hide what each does."""
    for dataset in {dataset for grid in grids for dataset in grid["datasets"]}:
        models = {m for grid in grids if dataset in grid["datasets"] for m in grid["models"]}
        if len(models) > 1:
            names = ", ".join(sorted(models))
            raise InputError(f"{where}: {dataset} has several models ({names}); leave one")


def _check_universes(config: dict, where: str) -> None:
    """Check each universe as a configuration of its own, and that it shows what it changes."""
    declared, alone = config["multiverse"]["universes"], {"runs": [], "universes": {}}
    if declared and list(declared.values()).count({}) != 1:
        raise InputError(f"{where}: one, and only one, changes nothing ({{}}): the reference")
    for name, changes in declared.items():
        try:
            changed = with_changes(config, changes)
        except InputError as error:
            raise InputError(f"{where}.{name}: {error}") from None
        check_config(changed | {"multiverse": alone}, f"{where}.{name}")
    reference = {run.name for one in universes(config) if not one.changes for run in one.runs}
    for one in universes(config):
        if one.changes and {run.name for run in one.runs} == reference:
            raise InputError(f"{where}.{one.name}: changes none of the multiverse's runs")


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
        check_classes(partition, data["n_clients"], k, record.n_classes, f"{where}.partition")
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

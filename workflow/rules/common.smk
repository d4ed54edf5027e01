"""Checked configuration, the runs and files it asks for, and helpers of the rules."""

import json
import os
import sys
from pathlib import Path

import torch
import yaml

REPOSITORY = Path(str(workflow.current_basedir)).parents[1]
SCRIPTS = Path(os.path.relpath(REPOSITORY / "scripts"))
ENVIRONMENT = REPOSITORY / "environment.yml"

# The package beside this workflow, whether or not one is installed: the scripts use it too.
sys.path.insert(0, str(REPOSITORY / "scripts"))
from fedper.config import check_config
from fedper.experiments import (
    all_runs,
    data_name,
    data_settings,
    describe_all,
    describe_data,
    describe_figure,
    figure_runs,
    is_by_worker,
)
from fedper.data.raw import raw_files, size_of
from fedper.errors import InputError
from fedper.imports import modules_of
from fedper.provenance import CODE_SHA256

try:
    check_config(
        config,
        yaml.safe_load(
            (REPOSITORY / "workflow/schemas/config.schema.yaml").read_text()
        ),
        source=", ".join(map(os.path.relpath, workflow.configfiles)),
    )
except InputError as error:
    sys.exit(f"error: {error}")

RESULTS = f"results/{config['scale']}"
LOGS = f"logs/{config['scale']}"
RUNS = all_runs(config)
FIRST_SEED = config["seeds"][0]
USES_GPU = config["compute"]["device"] != "cpu" and torch.cuda.is_available()

FIGURES = expand(
    f"{RESULTS}/figures/{{figure}}.{{suffix}}",
    figure=config["figures"],
    suffix=["pdf", "png", "csv"],
)
TABLES = expand(f"{RESULTS}/tables/table1.{{suffix}}", suffix=["csv", "md", "tex"])
CLAIMS = [f"{RESULTS}/claims.json", f"{RESULTS}/claims.md"]


RAW = Path("data/raw")
RECEIPT_OF = {data_name(config, dataset): dataset for dataset in config["datasets"]}
PREPARED_OF = {
    data_name(config, dataset, seed): (
        dataset,
        seed if is_by_worker(config, dataset) else None,
    )
    for dataset in config["datasets"]
    for seed in config["seeds"]
}


wildcard_constraints:
    run="|".join(RUNS),
    figure="|".join(config["figures"]),
    dataset="|".join(config["datasets"]),
    receipt="|".join(RECEIPT_OF),
    prepared="|".join(PREPARED_OF),
    k=r"\d+",
    seed=r"\d+",


def files_at_hand(dataset):
    """Names and sizes of the raw files that lie where the configuration says.

    As a parameter of the rule that checks them, so that another file makes it run again, but
    neither a touch nor a download of its own does.
    """
    found = []
    for source in config["datasets"][dataset]["sources"]:
        if source["from"] != "files":
            continue
        try:
            paths = raw_files(dataset, Path(source["folder"]))
        except InputError:
            continue
        found += [(str(path), size_of(path)) for path in paths]
    return found


def receipt_of(dataset):
    """Which files a data set comes from, as fetch.py found or downloaded them."""
    return f"data/prepared/{data_name(config, dataset)}.source.json"


def prepared(dataset, seed, suffix="safetensors"):
    """A data set in canonical form, or (json) its description with a hash of its content.

    Rules take the large file as ancient() and the description as what triggers a rerun: once
    data are prepared again and came out the same, nothing is trained again.
    """
    return f"data/prepared/{data_name(config, dataset, int(seed))}.{suffix}"


def partition_of(dataset, k, seed):
    """The partition that runs of one data set, k and seed share; k is None for workers."""
    drawn = f"seed{seed}" if k is None else f"k{k}-seed{seed}"
    return f"{RESULTS}/partitions/{dataset}-{drawn}.json"


def partitions_of(dataset, seed):
    """The partitions of a data set that one seed draws: one for each k, or one by worker."""
    ks = config["datasets"][dataset]["partition"].get("classes_per_client", [None])
    return [partition_of(dataset, k, seed) for k in ks]


def files_of(runs):
    """What figures and tables read of some runs."""
    return [
        f"{RESULTS}/runs/{run.name}/{file}"
        for run in runs
        for file in ("history.csv", "run.json")
    ]


def folders_of(runs):
    """The folders of some runs."""
    return [f"{RESULTS}/runs/{run.name}" for run in runs]


DATA = [
    file
    for dataset in config["datasets"]
    for seed in config["seeds"]
    for file in (prepared(dataset, seed), *partitions_of(dataset, seed))
] + expand(
    f"{RESULTS}/figures/partition-{{dataset}}.{{suffix}}",
    dataset=config["datasets"],
    suffix=["pdf", "png"],
)

"""Checked configuration, the runs and files it asks for, and helpers of the rules."""

import json
import os
import sys
from pathlib import Path

import torch
import yaml

from fedper.config import (
    all_runs,
    check_config,
    describe_data,
    describe_scale,
    figure_runs,
)
from fedper.errors import InputError
from fedper.provenance import CODE_SHA256

REPOSITORY = Path(str(workflow.current_basedir)).parents[1]
SCRIPTS = Path(os.path.relpath(REPOSITORY / "scripts"))
ENVIRONMENT = REPOSITORY / "environment.yml"

try:
    check_config(
        config,
        yaml.safe_load(
            (REPOSITORY / "workflow/schemas/config.schema.yaml").read_text()
        ),
        source=", ".join(map(str, workflow.configfiles)),
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
) + expand(
    f"{RESULTS}/figures/partition-{{dataset}}.{{suffix}}",
    dataset=config["datasets"],
    suffix=["pdf", "png"],
)
TABLES = expand(f"{RESULTS}/tables/table1.{{suffix}}", suffix=["csv", "md", "tex"])


wildcard_constraints:
    run="|".join(RUNS),
    figure="|".join(config["figures"]),
    dataset="|".join(config["datasets"]),
    k=r"\d+",
    seed=r"\d+",


def raw_files(dataset):
    """The raw files that are there; the script says what to do if they are not."""
    if config["datasets"][dataset]["stand_in"]:
        return []
    return sorted(Path(config["datasets"][dataset]["folder"]).glob("*.parquet"))


def prepared_name(dataset):
    """What a data set is called under data/prepared: a stand-in never has the real one's name."""
    stand_in = config["datasets"][dataset]["stand_in"]
    return f"{dataset}-{stand_in['source']}" if stand_in else dataset


def prepared(dataset, suffix="safetensors"):
    """A data set in canonical form, or (json) its description with a hash of its content.

    Rules take the large file as ancient() and the description as what triggers a rerun: data
    that were prepared again and came out the same retrain nothing.
    """
    return f"data/prepared/{prepared_name(dataset)}.{suffix}"


def partition_of(dataset, k, seed):
    """The partition that runs of one data set, k and seed share."""
    return f"{RESULTS}/partitions/{dataset}-k{k}-seed{seed}.json"


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


def notes():
    """What figures and tables over all data sets show."""
    return "; ".join(describe_scale(config, dataset) for dataset in config["datasets"])


def first_partitions(dataset):
    """One partition for each k that the data set is used with, all of the first seed."""
    ks = {run.classes_per_client for run in RUNS.values() if run.dataset == dataset}
    return [partition_of(dataset, k, FIRST_SEED) for k in sorted(ks)]

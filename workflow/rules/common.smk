"""Checked configuration, the runs and files it asks for, and helpers of the rules."""

import hashlib
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
from fedper.config import (
    all_runs,
    check_config,
    describe_all,
    describe_data,
    describe_figure,
    figure_runs,
)
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
PARTITION_FIGURES = expand(
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
    """What a data set is called under data/prepared.

    A stand-in never has the real one's name, and other settings of it are other files.
    """
    stand_in = config["datasets"][dataset]["stand_in"]
    if stand_in is None:
        return dataset
    settings = json.dumps(stand_in, sort_keys=True).encode()
    return f"{dataset}-{stand_in['source']}-{hashlib.sha256(settings).hexdigest()[:8]}"


def prepared(dataset, suffix="safetensors"):
    """A data set in canonical form, or (json) its description with a hash of its content.

    Rules take the large file as ancient() and the description as what triggers a rerun: once
    data are prepared again and came out the same, nothing is trained again.
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


def first_partitions(dataset):
    """One partition for each k that the data set is used with, all of the first seed."""
    ks = {run.classes_per_client for run in RUNS.values() if run.dataset == dataset}
    return [partition_of(dataset, k, FIRST_SEED) for k in sorted(ks)]

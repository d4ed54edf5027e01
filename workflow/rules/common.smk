"""Checked configuration, the runs and files it asks for, and helpers of the rules."""

import json
import os
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

REPOSITORY = Path(str(workflow.current_basedir)).parents[1]
SCRIPTS = Path(os.path.relpath(REPOSITORY / "scripts"))
ENVIRONMENT = REPOSITORY / "environment.yml"

# Titles and captions have letters that other encodings lack.
if sys.getfilesystemencoding() != "utf-8":
    sys.exit(
        f"error: the locale's encoding is {sys.getfilesystemencoding()}; export PYTHONUTF8=1"
    )
# Jobs call this Python and write UTF-8, even if Snakemake was called by its path.
python = str(Path(sys.executable).parent)
os.environ.update(PATH=os.pathsep.join([python, *os.get_exec_path()]), PYTHONUTF8="1")
# The scripts use the package beside them, and so does the workflow, installed or not.
sys.path.insert(0, str(REPOSITORY / "scripts"))
from fedper.plan.config import read_config
from fedper.plan.demands import demand, of_an_array
from fedper.plan.inputs import (
    all_partitions,
    partitions_of_runs,
    partitions_to_show,
    prepared,
)
from fedper.plan.experiments import (
    all_runs,
    describe_all,
    describe_figure,
    describe_multiverse,
    describe_partition,
    figure_runs,
    runs_of_figures,
)
from fedper.fetch.modules import modules_of_dataset
from fedper.fetch.raw import raw_files, size_of
from fedper.errors import InputError
from fedper.exits import one_line
from fedper.provenance import code_digest, digest_of
from fedper.files import FILES_OF_A_RUN, is_whole_run
from fedper.report.closing import closing_lines
from fedper.results.histories import describe_run
from fedper.judge.readings import DATASET as MULTIVERSE_OF, effects_of
from fedper.names import DATASETS, dataset_title
from fedper.plan.universes import universes
from fedper.plan.yaml_files import read_yaml


def config_file():
    """The file that --configfile gives, or else that of the scale that --config gives, or quick."""
    given = workflow.configfiles
    if len(given) > 1:
        files = ", ".join(map(os.path.relpath, given))
        raise InputError(
            f"--configfile {files}: each is whole, and one does not fill the gaps of another; give "
            "one, and targets before it or after --"
        )
    if given:
        return Path(os.path.relpath(given[0]))
    return Path(f"config/{GIVEN.get('scale', 'quick')}.yaml")


GIVEN = dict(workflow.config_settings.config)
# Make only what follows training, from the runs that are there; it names those that are missing.
REDRAW = GIVEN.pop("redraw", "no") in ("yes", True)
# Read again here, strictly: Snakemake's reader takes a key that stands twice, and reads 010 as 8.
try:
    read = read_config(config_file(), GIVEN)
    config.clear()
    config.update(read)
    NAMED = {
        dataset: modules_of_dataset(dataset, data["stand_in"])
        for dataset, data in config["datasets"].items()
    }
except InputError as error:
    sys.exit(f"error: {one_line(error)}")


def runs_elsewhere():
    """Tell whether an executor, such as slurm, sends jobs to other machines, or this is such a job.

    Asked while jobs are planned; the executor is not known before. Of a dry run Snakemake only says
    that it has --jobs, which executors need.
    """
    dry = workflow.dryrun and workflow.resource_settings.nodes is not None
    return workflow.non_local_exec or workflow.remote_exec or dry


@cache
def device_of_jobs():
    """The device that training asks for, "cpu" or "cuda".

    Elsewhere "auto" is "cuda", since the machine that submits says nothing of the others. Here
    PyTorch is asked, which takes seconds to load.
    """
    device = config["compute"]["device"]
    if device != "auto":
        return device
    if runs_elsewhere():
        return "cuda"
    from fedper.job.card import device_here

    return device_here(device)


@cache
def demand_of_a_run():
    """Minutes and memory that each run asks for, the same for all, as they may be of one array."""
    return of_an_array(demand(run, device_of_jobs()) for run in TRAINED.values())


# Of a job on a cluster, for starting Python and writing the checkpoint.
MINUTES_BEFORE_THE_END = 5

RESULTS = f"results/{config['scale']}"
LOGS = f"logs/{config['scale']}"
TRAINED = all_runs(config)
RUNS = runs_of_figures(config)
FIRST_SEED = config["seeds"][0]

# A scale without other readings, or without runs of the effects that they are compared by, has none.
MULTIVERSE = ["multiverse"] if effects_of(config) else []
FIGURES = expand(
    f"{RESULTS}/figures/{{figure}}.{{suffix}}",
    figure=["verdicts", *config["figures"], *MULTIVERSE],
    suffix=["pdf", "png", "csv"],
)
TABLES = expand(
    f"{RESULTS}/tables/table{{n}}.{{suffix}}",
    n=range(1, 7),
    suffix=["csv", "md", "tex", "html", "json"],
)
CLAIMS = expand(f"{RESULTS}/claims.{{suffix}}", suffix=["json", "md", "html"])
FACTS = f"{RESULTS}/facts.json"
METRICS = f"{RESULTS}/metrics.json"
REPORT = f"{RESULTS}/report.pdf"
HTML = f"{RESULTS}/report.html"
PAGE = f"{RESULTS}/explore.html"
RECORD = f"{RESULTS}/ro-crate-metadata.json"
DOCUMENTS = [*FIGURES, *TABLES, *CLAIMS, REPORT]
PAPER = Path(os.path.relpath(REPOSITORY / "paper"))
FIGURE_OF = read_yaml(PAPER / "figures.yaml")
CAPTIONS = read_yaml(PAPER / "captions.yaml")

RAW = Path("data/raw")
PREPARED = f"data/prepared/{config['scale']}"
PARTITIONS = all_partitions(config)
PARTITION_OF = partitions_of_runs(config)
PREPARED_OF = {one.data.name: one.data for one in PARTITIONS.values()}
RECEIPT_OF = {data.receipt: data for data in PREPARED_OF.values()}


# What a job makes from an input that is dated in the future, Snakemake removes. So nothing is begun.
INPUTS = [*SCRIPTS.glob("*.py"), *PAPER.glob("*"), *Path(PREPARED).glob("*")]
A_MINUTE_FROM_NOW = time.time() + 60
for path in (*INPUTS, *Path(RESULTS).rglob("*")):
    if path.is_file() and path.stat().st_mtime > A_MINUTE_FROM_NOW:
        sys.exit(
            f"error: {path}: dated in the future; set the clock right, or touch the file"
        )


wildcard_constraints:
    run="|".join(TRAINED),
    figure="|".join(config["figures"]),
    asked="|".join(["all", *config["figures"]]),
    dataset="|".join(config["datasets"]),
    receipt="|".join(RECEIPT_OF),
    prepared="|".join(PREPARED_OF),
    partition="|".join(PARTITIONS),


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
            found += [(str(path), size_of(path)) for path in paths]
        except (InputError, OSError):
            continue  # fetch.py says it, if these files are asked for
    return found


def code_for(dataset, stage, script):
    """A hash of what a script of fetch or data runs for a data set.

    Readers and makers of stand-ins are named by its record, so no import leads to them.
    """
    named = [SCRIPTS / path for path in NAMED[dataset] if path.parent.name == stage]
    return digest_of(SCRIPTS / script, *named)


def receipt_of(data):
    """Which files a data set comes from, as fetch.py found or downloaded them."""
    return f"{PREPARED}/{data.receipt}.source.json"


def file_of(data, suffix="safetensors"):
    """A data set in canonical form, or (json) its description with a hash of its content.

    Rules take the large file as ancient() and the description as what triggers a rerun: once
    data are prepared again and came out the same, nothing is trained again.
    """
    return f"{PREPARED}/{data.name}.{suffix}"


def partition_file(draw):
    """The partition that runs of one data set, k, seed and rule share."""
    return f"{RESULTS}/partitions/{draw.name}.json"


def files_of(runs, names=("history.csv", "run.json")):
    """What figures and tables read of some runs."""
    return [f"{folder}/{name}" for folder in folders_of(runs) for name in names]


def folders_of(runs):
    """The folders of some runs; under `make redraw`, of those that are there."""
    return [folder_of(run) for run in runs if not is_missing(run)]


def runs_asked_for(what):
    """The runs behind a figure, or behind all figures and tables ("all"), for rule asked."""
    runs = RUNS.values() if what == "all" else figure_runs(config, what)
    missing = [describe_run(run) for run in runs if is_missing(run)]
    return json.dumps({"folders": folders_of(runs), "missing": missing}, indent=1)


def asked(what):
    """The file that names those runs, see rule asked."""
    return f"{LOGS}/asked/{what}.json"


def figures_of_report():
    """All figures; under `make redraw`, of the partitions' figures those that are there."""
    drawn = [
        Path(f"{RESULTS}/figures/partition-{name}.pdf") for name in config["datasets"]
    ]
    return [
        *(path for path in drawn if not REDRAW or path.exists()),
        *(f"{RESULTS}/figures/{name}.pdf" for name in ("verdicts", *config["figures"])),
        *(
            f"{RESULTS}/figures/{name}.{end}"
            for name in MULTIVERSE
            for end in ("pdf", "csv")
        ),
    ]


def runs_of_universes():
    """The runs that the figure of the multiverse may show, each once."""
    runs = (run for universe in universes(config) for run in universe.runs)
    return {run.name: run for run in runs if run.dataset == MULTIVERSE_OF}.values()


def config_of_multiverse():
    """The part of the configuration that decides which runs those are: all but the figures."""
    return {key: value for key, value in config.items() if key != "figures"}


def is_missing(run):
    """Tell whether a run is not there, and will not be trained because of `make redraw`."""
    return REDRAW and not is_whole_run(Path(folder_of(run)))


def code_of_training(run):
    """The digest of the code that trains a run, which Snakemake compares as a parameter.

    A user's profile may tell Snakemake not to compare parameters; then it would train nothing after
    a change of code or settings.
    """
    triggers = {
        trigger.name.lower() for trigger in workflow.dag_settings.rerun_triggers
    }
    missing = {"params", "input"} - triggers
    if missing:
        sys.exit(
            f"error: rerun-triggers without {' and '.join(sorted(missing))}: a change of code or settings "
            "would train nothing; leave rerun-triggers out, in your profile too"
        )
    return code_digest(run.model)


def limits_of_a_run():
    """What train.py is told of checkpoints, of the time it has, and of other machines.

    Elsewhere it stops before its job does, and goes on from another machine's checkpoint.
    """
    compute = config["compute"]
    minutes = [compute["minutes"]] if compute["minutes"] else []
    if runs_elsewhere():
        minutes.append(max(1, demand_of_a_run().minutes - MINUTES_BEFORE_THE_END))
    options = [f"--checkpoint-seconds {compute['checkpoint_seconds']}"]
    options += [f"--minutes {min(minutes)}"] if minutes else []
    options += ["--elsewhere"] if compute["elsewhere"] or runs_elsewhere() else []
    per_card = compute["runs_per_card"]
    options += [f"--runs-per-card {per_card}"] if per_card > 1 else []
    return " ".join(options)


def refused_by_slurm():
    """Say why SLURM would refuse a job that is planned; empty if it takes all, or is not used.

    One job of each kind is tried, with `sbatch --test-only`.
    """
    if workflow.executor_plugin.name != "slurm":
        return ""
    if shutil.which("sbatch") is None:
        return "no sbatch in PATH; --executor slurm works on a cluster's login node"
    kinds = {}
    for job in workflow.dag.needrun_jobs():
        if not job.is_local:
            options = {
                "partition": job.resources.get("slurm_partition"),
                "account": job.resources.get("slurm_account"),
                "gpus": job.resources.get("gpu") or None,
                "mem": f"{job.resources.mem_mb}M",
                "time": job.resources.runtime,
            }
            asked = [f"--{key}={value}" for key, value in options.items() if value]
            kinds.setdefault(tuple(asked), job.rule.name)
    for asked, name in kinds.items():
        command = ["sbatch", "--test-only", *asked, "--wrap=true"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        if done.returncode:
            reason = "; ".join(done.stderr.strip().splitlines())
            return (
                f"SLURM refuses {name} with {' '.join(asked)}: {reason}; see profiles/slurm/config.yaml, and "
                "compute.device where no GPU is wanted"
            )
    return ""


def folder_of(run):
    """Where a run's results are."""
    return f"{RESULTS}/runs/{run.name}"


PARTITION_FIGURES = expand(
    f"{RESULTS}/figures/partition-{{dataset}}.{{suffix}}",
    dataset=config["datasets"],
    suffix=["pdf", "png"],
)
DATA = [
    *PARTITION_FIGURES,
    *map(file_of, PREPARED_OF.values()),
    *map(partition_file, PARTITIONS.values()),
]

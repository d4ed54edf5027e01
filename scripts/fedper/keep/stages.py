"""A stage of DVC: heal what an interrupted run left, then let Snakemake decide."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from fedper.errors import InputError
from fedper.keep.version import changed_files
from fedper.plan.config import read_config
from fedper.plan.experiments import all_runs
from fedper.plan.yaml_files import read_yaml
from fedper.provenance import code_digest, code_of

CODE = ("Snakefile", "scripts", "workflow", "paper")
"""What decides a result besides the configuration."""

SNAKEMAKE = (sys.executable, "-m", "snakemake")
"""That of this environment, whatever PATH says."""

DRAWN = (
    "figure", "figure_multiverse", "figure_partition", "table", "table_of_settings", "claims",
    "facts", "report_pdf", "replication", "report_html",
)  # fmt: skip
"""Rules that are made again where Snakemake made nothing: of what was pulled it does not know which
code drew it, and that DVC calls a stage says that something changed."""


def run_stage(config: Path, targets: Sequence[str]) -> int:
    """Make some rules (prepared, partitions, runs, all) of a scale; return Snakemake's status.

    Works in the current folder.  Raises InputError for a wrong configuration, or if DVC runs this
    where a change of the code is not seen.
    """
    refuse_code_that_an_experiment_does_not_see(Path.cwd())
    # Snakemake knows that by itself only of what it made here; of what was pulled, run.json says it
    others = runs_of_other_code(read_config(config))
    stale = [str(about.with_name("history.csv")) for about in others]
    if "all" in targets and not any(Path(".snakemake/metadata").glob("*")):
        stale += DRAWN
    force = ["--forcerun", *stale] if stale and {"runs", "all"} & set(targets) else []
    snakemake = [*SNAKEMAKE, "--cores", "all", "--configfile", str(config)]
    if is_locked_by_nobody(Path.cwd()):
        subprocess.run([*snakemake, "--unlock"], check=True)
    return run_to_its_end([*snakemake, *force, "--", *targets])


def run_to_its_end(command: list[str]) -> int:
    """Run a command and return its status; Ctrl-C, which it gets too, does not end it from here.

    Python would kill Snakemake a moment after Ctrl-C, while its jobs go on without it.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def is_locked_by_nobody(folder: Path) -> bool:
    """Tell whether a Snakemake that was killed left its lock here."""
    locks = folder / ".snakemake/locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return False
    for process in psutil.process_iter(["name", "cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if process.info["cwd"] == str(folder) and any("snakemake" in word for word in words[:3]):
            return False
    return True


def refuse_code_that_an_experiment_does_not_see(folder: Path) -> None:
    """Raise InputError in the folder of ``dvc exp run --temp`` (or --queue) if code is changed.

    DVC copies the last commit there, with the parameters that -S sets, but not a change of the
    code; its result would pass for that of the changed code.
    """
    parts = folder.parts
    if ".dvc" not in parts or parts[parts.index(".dvc") :][:3] != (".dvc", "tmp", "exps"):
        return
    workspace = Path(*parts[: parts.index(".dvc")])
    changed = changed_files(workspace, CODE)
    if changed:
        raise InputError(
            f"{changed[-1]}: changed and not committed, which an experiment in a temporary folder "
            "does not see; commit it, or leave out --temp and --queue"
        )


def stages_file(scale: str) -> Path:
    """Find the dvc.yaml whose variable ``scale`` has this value: the one at the top, or its own.

    Raises InputError if there is none.
    """
    own = Path("results") / scale / "dvc.yaml"
    for file in (Path("dvc.yaml"), own):
        if file.is_file() and {"scale": scale} in read_yaml(file)["vars"]:
            return file
    raise InputError(f"{own}: no stages of this scale; copy results/cpu/dvc.yaml, with its name")


def runs_of_other_code(config: dict) -> list[Path]:
    """List the run.json of runs that other training code made, or that do not say which.

    Of those that are asked for; no rule makes any other.
    """
    folder = Path("results") / config["scale"] / "runs"
    found = {folder / name / "run.json": run for name, run in sorted(all_runs(config).items())}
    return [
        about
        for about, run in found.items()
        if about.is_file() and code_of(about) != code_digest(run.model)
    ]

"""A stage of a dvc.yaml: call Snakemake, which decides what is out of date."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fedper.errors import InputError
from fedper.keep.version import changed_files
from fedper.plan.config import read_config
from fedper.plan.experiments import all_runs
from fedper.provenance import code_digest, code_of

CODE = ("Snakefile", "scripts", "workflow", "paper")
"""What decides a result besides the configuration."""


def run_stage(config: Path, targets: Sequence[str]) -> int:
    """Make some rules (prepared, partitions, runs, all) of a scale; return Snakemake's status.

    Works in the current folder. Snakemake knows by which code a file was made only if it made the
    file here. What was pulled and not adopted is treated so: a run is trained again if its run.json
    names other training code; figures and all that follows are drawn again.

    Raises InputError for a wrong configuration, or if DVC runs this where a change of the code is
    not seen.
    """
    refuse_code_that_an_experiment_does_not_see(Path.cwd())
    made_nothing_here = not any(Path(".snakemake/metadata").glob("*"))
    stale = runs_of_other_code(read_config(config)) if {"runs", "all"} & set(targets) else []
    draw_again = "all" in targets and made_nothing_here
    forced = [str(about.with_name("history.csv")) for about in stale]
    forced += ["figure_partition"] if draw_again else []
    of_scale = ["--configfile", str(config)]
    again = ["--forcerun", *forced] if forced else []
    status = snakemake(*of_scale, *again, "--", *targets)
    if status or not draw_again:
        return status
    return snakemake(*of_scale, "--config", "redraw=yes", "--forceall", "--", "redraw")


def snakemake(*arguments: str) -> int:
    """Call this environment's Snakemake and return its status.

    Ctrl-C reaches Snakemake too, which stops its jobs. Python would kill it before they are
    stopped, so Ctrl-C is ignored here.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        command = [sys.executable, "-m", "snakemake", "--cores", "all", *arguments]
        return subprocess.run(command, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def refuse_code_that_an_experiment_does_not_see(folder: Path) -> None:
    """Raise InputError in the folder of ``dvc exp run --temp`` (or --queue) if code is changed.

    DVC copies the last commit there, with the parameters that -S sets, but not a change of the
    code. Its result would pass for that of the changed code.
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


def runs_of_other_code(config: dict) -> list[Path]:
    """List the run.json of runs that are asked for and that other, or unknown, code trained."""
    folder = Path("results") / config["scale"] / "runs"
    found = {folder / name / "run.json": run for name, run in sorted(all_runs(config).items())}
    return [
        about
        for about, run in found.items()
        if about.is_file() and code_of(about) != code_digest(run.model)
    ]

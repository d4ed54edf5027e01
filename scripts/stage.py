"""Run one stage of dvc.yaml: heal what an interrupted run left, then let Snakemake decide."""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from fedper.keep.stages import read_config, runs_of_other_code
from fedper.errors import InputError, one_line_errors

CODE = ("Snakefile", "scripts", "workflow", "paper")
"""What decides a result besides the configuration."""


@one_line_errors
def main() -> None:
    """Read the command line, check, call Snakemake."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")
    parser.add_argument("target", help="rule to make: prepared, partitions, runs or all")
    arguments = parser.parse_args()

    refuse_code_that_an_experiment_does_not_see(Path.cwd())
    snakemake = ["snakemake", "--cores", "all", "--configfile", str(arguments.config)]
    if is_locked_by_nobody(Path.cwd()):
        subprocess.run([*snakemake, "--unlock"], check=True)
    # Snakemake knows that by itself only of what it made here; of what was pulled, run.json says it
    others = runs_of_other_code(read_config(arguments.config))
    stale = [str(about.with_name("history.csv")) for about in others]
    force = ["--forcerun", *stale] if stale and arguments.target in ("runs", "all") else []
    sys.exit(run_to_its_end([*snakemake, *force, "--", arguments.target]))


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
    status = ["git", "-C", str(workspace), "status", "--porcelain", "--", *CODE]
    changed = subprocess.run(status, capture_output=True, text=True, check=True).stdout.split()
    if changed:
        raise InputError(
            f"{changed[-1]}: changed and not committed, which an experiment in a temporary folder "
            "does not see; commit it, or leave out --temp and --queue"
        )


if __name__ == "__main__":
    main()

"""Bring in runs that were computed elsewhere, after checking that they are what is asked for."""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from fedper.keep.stages import read_config
from fedper.errors import InputError, one_line_errors
from fedper.plan.experiments import all_runs
from fedper.provenance import CODE_SHA256
from fedper.judge.histories import FILES_OF_A_RUN, read_clients
from fedper.run import Run


@one_line_errors
def main() -> None:
    """Read the command line, check each run, copy those that are right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")
    parser.add_argument("folder", type=Path, help="folder with a folder for each run")
    arguments = parser.parse_args()

    config = read_config(arguments.config)
    runs = Path("results") / config["scale"] / "runs"
    asked_for = set(all_runs(config))
    found = sorted(path.parent for path in arguments.folder.glob("*/run.json"))
    if not found:
        raise InputError(f"{arguments.folder}: no run in it; name the folder that holds runs")
    n_refused = 0
    for folder in found:
        try:
            name = check_run(folder, asked_for)
            print("brought" if copy_run(folder, runs / name) else "was here", name)
        except InputError as error:
            n_refused += 1
            print(f"error: {error}", file=sys.stderr)
    sys.exit(1 if n_refused else 0)


def check_run(folder: Path, asked_for: set[str]) -> str:
    """Return the name of a run.

    Raises InputError if it is unfinished, other code made it, or the configuration does not ask
    for it.
    """
    about = folder / "run.json"
    name = Run.from_json(str(about)).name
    if name not in asked_for:
        raise InputError(f"{about}: {name} is not asked for; compare its settings")
    digest = json.loads(about.read_text(encoding="utf-8"))["code_sha256"]
    if digest != CODE_SHA256:
        raise InputError(
            f"{about}: trained by code {digest[:8]}, this is {CODE_SHA256[:8]}; train it again"
        )
    for file in FILES_OF_A_RUN:
        if not (folder / file).is_file():
            raise InputError(f"{folder / file}: missing; bring the whole folder")
    read_clients([folder])
    return name


def copy_run(folder: Path, target: Path) -> bool:
    """Copy a run whole or not at all; return False if there is one already, which stays."""
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as temporary:
        copy = Path(temporary) / "run"
        copy.mkdir()
        for file in FILES_OF_A_RUN:
            shutil.copy(folder / file, copy / file)
        copy.rename(target)
    return True


if __name__ == "__main__":
    main()

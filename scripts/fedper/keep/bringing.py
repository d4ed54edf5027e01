"""Runs that come from another machine: checked, then copied to their place."""

import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from fedper.errors import InputError
from fedper.files import FILES_OF_A_RUN, is_whole_run, raise_if_not_read
from fedper.plan.experiments import all_runs
from fedper.plan.run_file import read_run
from fedper.provenance import code_digest, code_of
from fedper.results.histories import read_clients


def bring(config: dict, source: Path) -> Iterator[str | InputError]:
    """Copy runs to where the pipeline looks for them, after checking each.

    Args:
        config: the configuration, which asks for them.
        source: a folder with a folder for each run, or an archive of ``train_many.py --pack``. Its
            checkpoints are brought too, where the run has none here.

    Yields:
        for each run what was done, or an InputError that says why it is refused.

    Raises:
        InputError: there is no run in ``source``.
    """
    if not source.is_file():
        yield from _bring_runs(config, source)
        return
    with tempfile.TemporaryDirectory() as temporary:
        try:
            with tarfile.open(source) as archive:
                archive.extractall(temporary, filter="data")
        except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
            raise_if_not_read(error, source)
            reason = " ".join(str(error).split())
            raise InputError(f"{source}: not readable as an archive ({reason})") from error
        scale, unpacked = config["scale"], Path(temporary)
        yield from _bring_checkpoints(config, unpacked / "checkpoints" / scale)
        if (unpacked / "results" / scale / "runs").is_dir():
            yield from _bring_runs(config, unpacked / "results" / scale / "runs")


def _bring_runs(config: dict, folder: Path) -> Iterator[str | InputError]:
    target = Path("results") / config["scale"] / "runs"
    asked_for = set(all_runs(config))
    found = sorted(about.parent for about in folder.glob("*/run.json"))
    if not found:
        raise InputError(f"{folder}: no run in it; name the folder that holds runs")
    for one in found:
        try:
            name = check_run(one, asked_for)
            yield f"{'brought' if copy_run(one, target / name) else 'was here'} {name}"
        except InputError as error:
            yield error


def _bring_checkpoints(config: dict, folder: Path) -> Iterator[str]:
    """Copy the checkpoints of runs that are asked for and have none here."""
    for one in sorted(folder.glob("*/round-*.safetensors")):
        name = one.parent.name
        target = Path("checkpoints") / config["scale"] / name
        if name in all_runs(config) and not any(target.glob("round-*")):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(one, target / one.name)
            yield f"brought the checkpoint of {name}"


def check_run(folder: Path, asked_for: set[str]) -> str:
    """Return the name of a run.

    Raises InputError if it is unfinished, other code made it, or the configuration does not ask
    for it.
    """
    about = folder / "run.json"
    run = read_run(str(about))
    if run.name not in asked_for:
        raise InputError(f"{about}: {run.name} is not asked for; compare its settings")
    digest, here = code_of(about) or "unknown", code_digest(run.model)
    if digest != here:
        raise InputError(f"{about}: trained by code {digest:.8}, this is {here:.8}; train it again")
    for file in FILES_OF_A_RUN:
        if not (folder / file).is_file():
            raise InputError(f"{folder / file}: missing; bring the whole folder")
    read_clients([folder])
    return run.name


def copy_run(folder: Path, target: Path) -> bool:
    """Copy a run whole or not at all; return False if there is a whole one, which stays.

    A folder that lacks a file, as a training that was killed leaves it, is replaced.
    """
    if is_whole_run(target):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as temporary:
        copy = Path(temporary) / "run"
        copy.mkdir()
        for file in FILES_OF_A_RUN:
            shutil.copy(folder / file, copy / file)
        if target.exists():
            target.rename(Path(temporary) / "incomplete")
        copy.rename(target)
    return True

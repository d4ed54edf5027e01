"""Take what `dvc pull` brought as made here, after reading every byte of it."""

import argparse
import subprocess
import sys
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from fedper.keep.stages import read_config, runs_of_other_code, stages_file
from fedper.errors import InputError, one_line_errors
from fedper.keep.kept import Kept, kept_files, put_aside, take_out


@one_line_errors
def main() -> None:
    """Read the command line, check, tell Snakemake that all is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")
    arguments = parser.parse_args()

    config = read_config(arguments.config)
    try:
        with Repo() as repo, lock_repo(repo):
            check(repo, stages_file(config["scale"]))
    except DvcException as error:
        raise InputError(f"DVC: {' '.join(str(error).split())}") from error
    for about in runs_of_other_code(config):
        raise InputError(
            f"{about}: made by other training code; `dvc repro --force train` trains it again"
        )
    command = ["snakemake", "--cores", "1", "--configfile", str(arguments.config)]
    touch = ["--touch", "--forceall", "--quiet", "all", "--", "all"]
    sys.exit(subprocess.run([*command, *touch], check=False).returncode)


def check(repo: Repo, file: Path) -> None:
    """Compare cache and workspace with the lock file of ``file``'s stages.

    Raises InputError if they differ; what is spoiled has then been put aside, where neither DVC
    nor Snakemake takes it for the result.
    """
    stages = [stage for stage in repo.index.stages if Path(stage.path) == file.absolute()]
    kept = list(kept_files(output for stage in stages for output in stage.outs))
    aside = Path(repo.tmp_dir) / "spoiled"

    spoiled = [one for one in kept if one.is_stored_wrong()]
    if spoiled:
        take_out(spoiled, aside)
        raise InputError(
            f"{names(spoiled)}: the cache has something else than {file.stem}.lock says, put aside "
            "into .dvc/tmp/spoiled; `dvc pull` brings it again, or else `dvc repro` makes it again"
        )
    if status := repo.status(targets=[str(file)]):
        raise InputError(why_not_clean(status, [one for one in kept if not one.stored.exists()]))
    spoiled = [one for one in kept if one.is_used_wrong()]
    for one in spoiled:
        put_aside(one.used, aside)
    if spoiled:
        raise InputError(
            f"{names(spoiled)}: not what {file.stem}.lock says, put aside into .dvc/tmp/spoiled; "
            "`dvc checkout` brings it again"
        )


def why_not_clean(status: dict, missing: list[Kept]) -> str:
    """Say what to do about a workspace that differs from the lock file."""
    if not missing:
        return f"dvc status: {', '.join(status)} changed; dvc pull first, before any change"
    # DVC takes what a list in the storage names as being there, so the list has to go as well
    first = min(missing, key=lambda one: one.used)
    objects = [path for path in (first.stored, first.listed) if path]
    wrong = " and ".join(f"files/md5/{path.parent.name}/{path.name}" for path in objects)
    return (
        f"{names(missing)}: not in the cache; dvc pull first. If that fails, the storage has it "
        f"spoiled: remove {wrong} there, then `dvc repro` and `dvc push`"
    )


def names(some: list[Kept]) -> str:
    """Name the first file, and count the others."""
    first = min(one.used for one in some)
    shown = first.relative_to(Path.cwd()) if first.is_relative_to(Path.cwd()) else first
    return f"{shown} and {len(some) - 1} more" if some[1:] else str(shown)


if __name__ == "__main__":
    main()

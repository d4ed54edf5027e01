"""Whether the files that DVC keeps are what its lock file says they are.

DVC hashes a file once and then trusts its time stamp and size, so what a disk spoiled passes for
whole. Here every byte is read again. (What is spoiled in the storage is refused by ``dvc pull``.)
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo, lock_repo
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_data.hashfile.hash import file_md5

from fedper.errors import InputError
from fedper.keep.stages import SNAKEMAKE, runs_of_other_code, stages_file
from fedper.plan.config import read_config


def adopt(source: Path) -> int:
    """Take what was pulled, or came with git, as made here; return Snakemake's status.

    Raises InputError if something differs from the lock file, or other training code made it.
    """
    config = read_config(source)
    file = stages_file(config["scale"])
    try:
        with Repo() as repo, lock_repo(repo):
            check(repo, file)
    except DvcException as error:
        raise InputError(f"DVC: {' '.join(str(error).split())}") from error
    for about in runs_of_other_code(config):
        again = f"`dvc repro --force {file}:train` trains it again"
        raise InputError(f"{about}: made by other training code; {again}")
    command = [*SNAKEMAKE, "--cores", "1", "--configfile", str(source)]
    touch = ["--touch", "--forceall", "--quiet", "all", "--", "all"]
    return subprocess.run([*command, *touch], check=False).returncode


def check(repo: Repo, file: Path) -> None:
    """Compare the workspace with the lock file of ``file``'s stages.

    Raises InputError for the first file that differs, with what brings it back.
    """
    stages = [stage for stage in repo.index.stages if Path(stage.path) == file.absolute()]
    outputs = [output for stage in stages for output in stage.outs]
    for output in outputs:
        if not output.hash_info:
            raise InputError(f"{file}: {output} was not made by it yet; `dvc repro {file}` does")
    status = repo.status(targets=[str(file)])
    wrong = [output for output in outputs if status or hash_again(output) != output.hash_info.value]
    for output in wrong:
        for one in kept_files(output) if output.use_cache else ():
            if one.spoiled() or one.is_missing():
                raise InputError(one.remedy())
    if status:
        changed = ", ".join(status)
        raise InputError(f"dvc status: {changed} changed; pull and adopt before any change")
    for output in wrong:
        raise InputError(
            f"{output}: not what {file.with_suffix('.lock')} says; move it away, then "
            f"`git checkout {output}` brings it again"
        )


def hash_again(output: Output) -> str:
    """Hash an output as DVC does, but without what it remembers of time stamps."""
    forgetful = HashFileDB(output.fs, output.cache.path)
    path, fs = output.fs_path, output.fs
    *_, read = build(forgetful, path, fs, "md5", dry_run=True, ignore=output.dvcignore)
    return read.hash_info.value


class Kept(NamedTuple):
    """A file, or the list of a folder's files, that DVC's cache has under its MD5.

    used: where the workspace has it; for a list, the folder.  listed: of a file in a folder, where
    the cache has the list that names it.
    """

    md5: str
    stored: Path
    used: Path
    listed: Path | None = None

    def is_missing(self) -> bool:
        """Tell whether the cache does not have it."""
        return not self.stored.exists()

    def spoiled(self) -> list[Path]:
        """List where something else lies in its place, in the workspace and in the cache."""
        return [path for path in (self.used, self.stored) if is_other(path, self.md5)]

    def remedy(self) -> str:
        """Say what is wrong with a file that is missing or spoiled, and what brings it back."""
        if self.is_missing():
            # DVC takes what a list in the storage names as being there, so the list has to go too
            objects = [path for path in (self.stored, self.listed) if path]
            there = " and ".join(f"files/md5/{path.parent.name}/{path.name}" for path in objects)
            return (
                f"{self.used}: not in the cache; dvc pull first. If that fails, the storage has it "
                f"spoiled: remove {there} there, then `dvc repro` and `dvc push`"
            )
        wrong = self.spoiled()
        back = "`dvc pull`, or else `dvc repro`," if self.stored in wrong else "`dvc checkout`"
        return (
            f"{' and '.join(map(str, wrong))}: not what DVC wrote there; move away, then {back} "
            "brings it again"
        )


def is_other(path: Path, md5: str) -> bool:
    """Tell whether there is a file with another hash than ``md5``, in which .dir says: a list."""
    return path.is_file() and file_md5(str(path)) != md5.removesuffix(".dir")


def kept_files(output: Output) -> Iterator[Kept]:
    """List what DVC's cache should hold of an output; of a folder also the files in its list.

    A list that is missing or spoiled says nothing of its files.
    """
    cache, folder, md5 = output.cache, Path(os.path.relpath(output.fs_path)), output.hash_info.value

    def stored(md5: str) -> Path:
        return Path(os.path.relpath(cache.oid_to_path(md5)))

    yield (whole := Kept(md5, stored(md5), folder))
    if output.hash_info.isdir and whole.stored.is_file() and not whole.spoiled():
        for file in json.loads(whole.stored.read_text(encoding="utf-8")):
            yield Kept(file["md5"], stored(file["md5"]), folder / file["relpath"], whole.stored)

"""A small git repository in which `dvc repro` has run, for tests of DVC beside Snakemake."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from filelock import FileLock
from test_pipeline import TINY, copy_repository, planned

BIN = Path(sys.executable).parent


def mini() -> dict:
    """One data set, FedAvg and FedPer."""
    config = yaml.safe_load(yaml.safe_dump(TINY))
    config["scale"] = "mini"
    config["datasets"] = {"cifar10": config["datasets"]["cifar10"]}
    config["figures"] = {"figure2": config["figures"]["figure2"]}
    config["multiverse"] = {"runs": [], "universes": {}}
    return config


ENVIRONMENT = {
    **os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1",
    "GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "t@t",
}  # fmt: skip


def call(folder: Path, *command: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False,
        env=ENVIRONMENT,
    )  # fmt: skip


def must(folder: Path, *command: object) -> str:
    done = call(folder, *command)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def write_config(folder: Path, config: dict) -> None:
    (folder / "config/mini.yaml").write_text(yaml.safe_dump(config))


def snakemake_plan(folder: Path, scale: str = "mini") -> dict[str, int]:
    command = ["snakemake", "--dry-run", "--cores", 1, "--configfile", f"config/{scale}.yaml"]
    return planned(call(folder, *command))


def trained(output: str) -> int:
    """Count the runs that were trained, in the logs that Snakemake named at its end."""
    logs = re.findall(r"^Complete log\(s\): (.+)$", output, re.MULTILINE)
    said = "\n".join(Path(log).read_text(encoding="utf-8") for log in logs)
    return len(re.findall(r"^(?:local)?rule train:", said, re.MULTILINE))


BESIDE = ("ACTIVATE=true", "VENV=.no-venv", "-o", ".no-venv/.complete")
"""For make: in the environment of these tests, which is there."""


def make_here(folder: Path, *arguments: str, scale: str = "mini") -> subprocess.CompletedProcess:
    """Call make in a folder; the stages of the mini scale are at its top."""
    stages = ["STAGES=dvc.yaml"] if scale == "mini" else []
    # under `make test`, MAKEFLAGS says so, and make tells of every folder that it enters
    command = ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "-f", REPOSITORY / "Makefile"]
    return call(folder, *command, f"SCALE={scale}", *stages, *BESIDE, *arguments)


def adopt(folder: Path, scale: str = "mini") -> subprocess.CompletedProcess:
    return make_here(folder, "adopt", scale=scale)


def must_agree(folder: Path) -> None:
    """Neither tool has anything to do."""
    assert snakemake_plan(folder) == {}
    assert json.loads(must(folder, "dvc", "status", "--json")) == {}


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A git repository with its own storage, in which `dvc repro` has run; one for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "dvc/repository"
    with FileLock(shared / "dvc.lock"):
        if not (shared / "dvc/made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            (shared / "dvc/made").touch()
    return folder


def make(folder: Path) -> None:
    folder.mkdir(parents=True)
    copy_repository(folder)
    text = (REPOSITORY / "dvc.yaml").read_text().replace("scale: quick", "scale: mini")
    (folder / "dvc.yaml").write_text(text.split("  - figure3")[0])
    for name in (".dvcignore", ".gitignore"):
        shutil.copy(REPOSITORY / name, folder)
    with (folder / ".gitignore").open("a") as file:
        file.write("/results/mini\n")
    shutil.copytree(
        REPOSITORY / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp")
    )
    shutil.copytree(REPOSITORY / "profiles", folder / "profiles")
    must(folder, "git", "init", "-q", ".")
    must(folder, "dvc", "remote", "modify", "local", "url", folder.parent / "storage")
    write_config(folder, mini())
    output = must(folder, "dvc", "repro")
    assert trained(output) == 2
    must(folder, "git", "add", "-A")
    must(folder, "git", "commit", "-qm", "made")
    must(folder, "dvc", "push")


@pytest.fixture
def bare(made, tmp_path) -> Path:
    """A fresh clone, before anything was pulled."""
    must(tmp_path, "git", "clone", "-q", made, "clone")
    return tmp_path / "clone"


@pytest.fixture
def clone(bare) -> Path:
    """A fresh clone that has pulled what was pushed."""
    must(bare, "dvc", "pull")
    return bare

"""The environment: pinned in one way, and where it belongs; what git and make do around it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from conftest import REPOSITORY
from packaging.requirements import Requirement


def direct_requirements() -> list[Requirement]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["dev"]
    return [Requirement(line) for line in lines]


def locked(python: str) -> dict[str, str]:
    """Versions in the lock file that hold for one version of Python."""
    versions = {}
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines():
        requirement = Requirement(line)
        environment = {"python_version": python, "python_full_version": f"{python}.0"}
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            versions[requirement.name] = specifier.version
    return versions


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_satisfies_pyproject(python):
    versions = locked(python)
    for requirement in direct_requirements():
        assert requirement.specifier.contains(versions[requirement.name]), requirement


def test_environment_yml_pins_the_locked_versions_of_every_direct_dependency():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    (python,) = [d for d in environment["dependencies"] if str(d).startswith("python=")]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    versions = locked(python.removeprefix("python="))
    names = sorted(requirement.name for requirement in direct_requirements())
    assert sorted(pip) == sorted(f"{name}=={versions[name]}" for name in names)


def test_the_lock_names_no_registry_and_no_local_build():
    text = (REPOSITORY / "requirements.lock").read_text()
    assert not re.search(r"https?://|file:|--|\+", text)


@pytest.mark.parametrize(
    "module",
    [
        "plan.config",
        "report.tables",
        "draw.figures",
        "judge.verdicts",
        "report.facts",
        "report.crate",
    ],
)
def test_what_only_reads_results_does_not_load_pytorch(module):
    """It takes five seconds, in every job of the pipeline."""
    code = f"import sys, fedper.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_training_loads_only_what_it_needs():
    """Each of these takes 0.2 s to 0.8 s at the start of every run."""
    code = (
        "import sys, fedper.train.simulate, fedper.train.checkpoint, fedper.data.dataset; "
        "print(*{'pandas', 'torchvision', 'torch._dynamo', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("knows", "is_made"), [("", True), ("elsewhere/.venv", True), (None, False)]
)
def test_an_environment_that_belongs_elsewhere_is_made_anew(tmp_path, knows, is_made):
    """A folder that was copied or moved with its .venv; None: it says this folder."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    here = str(tmp_path / ".venv")
    (tmp_path / ".venv/.complete").write_text((here if knows is None else knows) + "\n")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", "test"], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True
    )
    assert ("-m venv --clear .venv" in done.stdout) == is_made


def test_git_changes_no_byte_on_any_machine():
    """With core.autocrlf, results that are hashed would come out with other line ends."""
    files = ["README.md", "results/former/claims.json", "config/quick.yaml", "Snakefile"]
    command = ["git", "check-attr", "text", "--", *files]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert [line.split(": ")[-1] for line in done.stdout.splitlines()] == ["unset"] * len(files)


@pytest.mark.parametrize("folder", ["~/data", "~"])
def test_a_home_folder_is_found_where_the_shell_left_it_to_make(tmp_path, folder):
    (tmp_path / "data/cifar10").mkdir(parents=True)
    (tmp_path / "cifar10").mkdir()
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(REPOSITORY / "Makefile", work)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "raw", f"FROM={folder}"], cwd=work, env=clean | {"HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (work / "data/raw/cifar10").is_dir()

"""requirements.lock, environment.yml and pyproject.toml say the same."""

import re
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

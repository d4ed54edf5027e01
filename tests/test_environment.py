"""The environment: pinned in one way, and where it belongs; what git and make do around it."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata

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


def test_an_installed_package_has_all_its_files():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    package = REPOSITORY / "scripts/fedper"
    others = {
        str(path.relative_to(package))
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert others == set(project["tool"]["setuptools"]["package-data"]["fedper"])


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
        "import sys, fedper.job.simulate, fedper.job.checkpoint, fedper.data.stored; "
        "print(*{'pandas', 'torchvision', 'torch._dynamo', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


FAKE_PYTHON = """#!/bin/sh
mkdir -p $3/bin && touch $3/pyvenv.cfg $3/bin/activate
printf '#!/bin/sh\\necho made here >> made\\n' | tee $3/bin/pip > $3/bin/pytest
chmod +x $3/bin/*
"""
"""Makes environments whose pip and pytest only say so."""


PIP_THAT_LISTS = """#!/bin/sh
echo pip "$@" >> made
case "$*" in */dev/stdin*) cat >> made;; esac
"""


def make(folder, *arguments):
    """Call make as outside of these tests, with a Python that makes no environment in earnest."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    (folder / "python").write_text(FAKE_PYTHON)
    (folder / "python").chmod(0o755)
    activate = f'ACTIVATE=PATH="{folder}/.venv/bin:$$PATH"'
    return subprocess.run(
        ["make", f"PYTHON={folder}/python", activate, *arguments],
        cwd=folder, env=clean, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


@pytest.fixture
def with_environment(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    done = make(folder, "test")
    assert done.returncode == 0, done.stderr
    (folder / ".venv/old").touch()
    (folder / "made").unlink()
    return folder


def test_an_environment_is_made_once(with_environment):
    assert make(with_environment, "test").returncode == 0
    assert (with_environment / "made").read_text() == "made here\n"  # by pytest
    assert (with_environment / ".venv/old").exists()


def test_without_a_gpu_nothing_of_cuda_is_installed(with_environment):
    """PyTorch from the index that is named, then what is locked; none of that needs CUDA either."""
    shutil.rmtree(with_environment / ".venv")
    index = "https://index.invalid/cpu"
    pip, fake = with_environment / "pip", with_environment / "fake"
    pip.write_text(PIP_THAT_LISTS)
    fake.write_text("#!/bin/sh\nmkdir -p $3/bin && touch $3/bin/activate && cp pip $3/bin\n")
    pip.chmod(0o755)
    fake.chmod(0o755)
    done = make(with_environment, f"PYTHON={fake}", f"TORCH_INDEX={index}", ".venv/.complete")
    assert done.returncode == 0, done.stderr
    lines = (with_environment / "made").read_text().splitlines()
    lock = (REPOSITORY / "requirements.lock").read_text().splitlines()
    first = f"pip install --quiet --no-deps --index-url {index} --requirement /dev/stdin"
    second = "pip install --quiet --requirement /dev/stdin"
    at = lines.index(second)
    assert lines[0] == first
    assert [Requirement(line).name for line in lines[1:at]] == ["torch", "torchvision"]
    rest = lines[at + 1 : -1]
    left_out = {Requirement(line).name for line in set(lock) - {*lines[1:at], *rest}}
    assert all(name == "triton" or name.startswith(("nvidia-", "cuda-")) for name in left_out)
    assert len(lines) - 3 + len(left_out) == len(lock)
    for line in rest:
        name = Requirement(line).name
        with contextlib.suppress(metadata.PackageNotFoundError):  # for other systems only
            needs = map(Requirement, metadata.requires(name) or [])
            assert not left_out & {one.name for one in needs if "extra" not in str(one.marker)}


@pytest.mark.parametrize("how", [shutil.copytree, shutil.move])
def test_an_environment_that_was_copied_or_moved_is_made_anew(with_environment, how):
    other = with_environment.with_name("there")
    how(with_environment, other)
    done = make(other, "test")
    assert done.returncode == 0, done.stderr
    assert not (other / ".venv/old").exists()
    assert (other / ".venv/.complete").read_text() == f"{other}/.venv\n"
    if how is shutil.copytree:
        assert (with_environment / ".venv/old").exists()


def test_an_environment_that_is_linked_to_is_left_alone(with_environment):
    other = with_environment.with_name("there")
    shutil.copytree(with_environment, other, ignore=shutil.ignore_patterns(".venv"))
    (other / ".venv").symlink_to(with_environment / ".venv")
    (other / ".venv/.complete").touch()
    assert make(other, "test").returncode == 0
    assert (with_environment / ".venv/old").exists()


def test_a_folder_that_make_has_not_made_is_not_removed(with_environment):
    theirs = with_environment / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").touch()
    done = make(with_environment, "test", "VENV=theirs")
    assert done.returncode == 2
    assert done.stderr.startswith("error: theirs: not made by make; move it away, or name another")
    assert (theirs / "thesis.tex").exists()


def test_an_environment_of_the_user_is_not_touched(with_environment):
    other = with_environment.with_name("there")
    shutil.copytree(with_environment, other, ignore=shutil.ignore_patterns(".venv"))
    (other / ".venv").mkdir()
    (other / ".venv/pyvenv.cfg").touch()
    done = make(other, "test")
    assert done.returncode == 2
    assert done.stderr.startswith("error: .venv: not made by make")
    assert [path.name for path in (other / ".venv").iterdir()] == ["pyvenv.cfg"]


def test_an_environment_that_was_not_finished_is_made_to_the_end(with_environment):
    (with_environment / ".venv/.complete").unlink()
    assert make(with_environment, "test").returncode == 0
    assert (with_environment / ".venv/.complete").exists()


def test_a_search_path_of_cd_makes_nothing_anew(with_environment, monkeypatch):
    monkeypatch.setenv("CDPATH", f".:{with_environment.parent}")
    assert make(with_environment, "test").returncode == 0
    assert (with_environment / ".venv/old").exists()


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


DRAW = """
import sys; from pathlib import Path
from fedper.draw import style
import matplotlib.pyplot as plt
with style.mpl.rc_context(style.STYLE):
    figure = style.Figure(figsize=(2, 2), layout="constrained")
    figure.subplots().plot([1, 2], label="$K_P$ = 1")
    style.write_note(figure, "a note")
    plt.figure()
style.save_figure(figure, Path(sys.argv[1]))
"""


def test_figures_do_not_depend_on_what_a_user_has_set(tmp_path):
    """A notebook's backend and a matplotlibrc, in the folder that the figure is drawn in."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "matplotlibrc").write_text(
        "text.usetex: True\nsavefig.bbox: tight\nfont.family: serif\npdf.fonttype: 42\n"
    )
    for folder, backend in ((tmp_path, "agg"), (theirs, "module://matplotlib_inline.no_such")):
        subprocess.run(
            [sys.executable, "-c", DRAW, "figure"], cwd=folder, check=True,
            env={**os.environ, "MPLBACKEND": backend},
        )  # fmt: skip
    for name in ("figure.png", "figure.pdf"):
        assert (theirs / name).read_bytes() == (tmp_path / name).read_bytes()

"""DVC and Snakemake beside each other, on the smallest configuration, as a user runs them."""

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
from test_pipeline import TINY, copy_repository, planned

BIN = Path(sys.executable).parent


def mini() -> dict:
    """One data set, FedAvg and FedPer."""
    config = yaml.safe_load(yaml.safe_dump(TINY))
    config["scale"] = "mini"
    config["datasets"] = {"cifar10": config["datasets"]["cifar10"]}
    config["figures"] = {"figure2": config["figures"]["figure2"]}
    return config


def call(folder: Path, *command: object) -> subprocess.CompletedProcess:
    environment = {
        **os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "t@t",
    }  # fmt: skip
    return subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip


def must(folder: Path, *command: object) -> str:
    done = call(folder, *command)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def write_config(folder: Path, config: dict) -> None:
    (folder / "config/mini.yaml").write_text(yaml.safe_dump(config))


def snakemake_plan(folder: Path) -> dict[str, int]:
    command = ["snakemake", "--dry-run", "--cores", 1, "--configfile", "config/mini.yaml"]
    return planned(call(folder, *command))


def trained(output: str) -> int:
    """Count the runs that were trained, from what Snakemake said."""
    return len(re.findall(r"^(?:local)?rule train:", output, re.MULTILINE))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A git repository with its own remote storage, in which `dvc repro` has run."""
    folder = tmp_path_factory.mktemp("dvc") / "repository"
    folder.mkdir()
    copy_repository(folder)
    text = (REPOSITORY / "dvc.yaml").read_text().replace("quick", "mini")
    stages, plots = text.split("\nplots:\n")
    (folder / "dvc.yaml").write_text(f"{stages}\nplots:\n{plots.split('  - figure3')[0]}")
    for name in (".dvcignore", ".gitignore"):
        shutil.copy(REPOSITORY / name, folder)
    shutil.copytree(
        REPOSITORY / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp")
    )
    shutil.copytree(REPOSITORY / "profiles", folder / "profiles")
    must(folder, "git", "init", "-q", ".")
    must(folder, "dvc", "remote", "modify", "local", "url", str(folder.parent / "storage"))
    write_config(folder, mini())
    output = must(folder, "dvc", "repro")
    assert trained(output) == 2
    must(folder, "git", "add", "-A")
    must(folder, "git", "commit", "-qm", "made")
    must(folder, "dvc", "push")
    return folder


@pytest.fixture
def clone(made, tmp_path) -> Path:
    """A fresh clone that has pulled what was pushed."""
    must(tmp_path, "git", "clone", "-q", made, "clone")
    must(tmp_path / "clone", "dvc", "pull")
    return tmp_path / "clone"


def test_after_repro_neither_tool_has_anything_to_do(made):
    assert snakemake_plan(made) == {}
    assert json.loads(must(made, "dvc", "status", "--json")) == {}
    metrics = must(made, "dvc", "metrics", "show")
    assert "accuracy" in metrics


def test_a_touch_a_comment_and_a_branch_train_nothing(made):
    module = made / "scripts/fedper/federated.py"
    before = module.read_text()
    module.write_text(before + "\n# a comment\n")
    assert trained(must(made, "dvc", "repro", "train")) == 0
    module.write_text(before)
    must(made, "git", "stash", "--quiet")
    must(made, "git", "switch", "-q", "-c", "other")
    must(made, "git", "switch", "-q", "-")
    (made / "scripts/train.py").touch()
    assert trained(must(made, "dvc", "repro", "train")) == 0
    assert json.loads(must(made, "dvc", "status", "--json")) == {}


def test_what_was_pulled_and_adopted_is_as_if_made_here(made, clone):
    for name in ("figures/figure2.png", "report.pdf", "report.html"):
        assert (clone / "results/mini" / name).read_bytes() == (
            made / "results/mini" / name
        ).read_bytes()
    adopt = ["make", "-f", REPOSITORY / "Makefile", "adopt", "SCALE=mini", "ACTIVATE=true"]
    must(
        clone,
        *adopt,
        f"VENV={REPOSITORY / '.no-venv'}",
        "-o",
        f"{REPOSITORY / '.no-venv'}/.complete",
    )
    assert snakemake_plan(clone) == {}
    assert json.loads(must(clone, "dvc", "status", "--json")) == {}


def test_other_parameters_are_trained_in_a_fresh_clone(clone):
    config = mini()
    config["datasets"]["cifar10"]["rounds"] = 1
    write_config(clone, config)
    output = must(clone, "dvc", "repro", "train")
    assert trained(output) == 2
    assert len(list(clone.glob("results/mini/runs/*/history.csv"))) == 4  # the old ones stay
    listed = must(clone, sys.executable, "scripts/prune.py", "config/mini.yaml", "--remove")
    assert listed.count("removed") == 2
    assert len(list(clone.glob("results/mini/runs/*/history.csv"))) == 2


def test_other_code_trains_again_what_was_pulled(clone):
    module = clone / "scripts/fedper/federated.py"
    module.write_text(module.read_text() + "\nCHANGED = True\n")
    before = {
        path: json.loads(path.read_text()) for path in clone.glob("results/mini/runs/*/run.json")
    }
    assert trained(must(clone, "dvc", "repro", "train")) == 2
    for path, about in before.items():
        assert json.loads(path.read_text())["code_sha256"] != about["code_sha256"]


def test_another_seed_trains_only_that_seed(clone):
    config = mini()
    config["seeds"] = [0, 1]
    write_config(clone, config)
    must(clone, "snakemake", "--cores", 1, "--configfile", "config/mini.yaml", "--touch",
         "--forceall", "--quiet", "all")  # fmt: skip
    assert trained(must(clone, "dvc", "repro", "train")) == 2


def test_after_snakemake_dvc_trains_nothing(made, tmp_path):
    must(tmp_path, "git", "clone", "-q", made, "clone")
    clone = tmp_path / "clone"
    output = must(clone, "snakemake", "--cores", 2, "--configfile", "config/mini.yaml")
    assert trained(output) == 2
    assert trained(must(clone, "dvc", "repro")) == 0
    assert json.loads(must(clone, "dvc", "status", "--json")) == {}


def test_an_experiment_with_another_parameter_shows_what_it_changed(clone):
    output = must(clone, "dvc", "exp", "run", "-S", "config/mini.yaml:datasets.cifar10.rounds=1")
    assert trained(output) == 2
    (diff,) = json.loads(must(clone, "dvc", "params", "diff", "--json")).values()
    assert diff == {"datasets.cifar10.rounds": {"old": 2, "new": 1, "diff": -1}}
    assert "FedPer, K_P = 2" in must(clone, "dvc", "metrics", "diff")


def test_a_storage_that_is_not_there_is_one_error_and_heals(made, tmp_path):
    must(tmp_path, "git", "clone", "-q", made, "clone")
    clone = tmp_path / "clone"
    storage = made.parent / "storage"
    storage.rename(made.parent / "elsewhere")
    try:
        done = call(clone, "dvc", "pull")
    finally:
        (made.parent / "elsewhere").rename(storage)
    assert done.returncode != 0
    assert "ERROR: failed to pull data from the cloud" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert (clone / "results/mini/report.pdf").exists()
    must(clone, "dvc", "pull")
    assert json.loads(must(clone, "dvc", "status", "--json")) == {}

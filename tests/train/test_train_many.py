"""Many runs in one process, as on a machine that has little more than PyTorch."""

import json
import subprocess
import sys
import tarfile

import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, run_main
from fedper.files import FILES_OF_A_RUN
from fedper.job.many import Folders, Wanted, in_order
from fedper.plan.config import read_config
from test_data import random_images, write_parquet

BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ImportError(name + " is not on this machine", name=name)
sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
sys.path.insert(0, "scripts")
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""
ABSENT = {"snakemake", "dvc", "jsonschema", "gdown", "sklearn", "matplotlib", "seaborn", "psutil",
          "typst", "rocrate", "scipy", "requests"}  # fmt: skip


def lay_out(folder):
    """Bring code, configuration and raw files to a folder, and nothing else."""
    folder.mkdir(exist_ok=True)
    for name in ("scripts", "paper"):
        (folder / name).symlink_to(REPOSITORY / name)
    config = yaml.safe_load((REPOSITORY / "tests/tiny.yaml").read_text())
    config["datasets"]["cifar10"] |= {
        "stand_in": None, "sources": [{"from": "files", "folder": "data/raw/cifar10"}],
    }  # fmt: skip
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    raw = folder / "data/raw/cifar10"
    raw.mkdir(parents=True)
    for split, n in (("train", 400), ("test", 20)):
        path = raw / f"{split}-00000-of-00001.parquet"
        write_parquet(path, random_images(n), [label % 10 for label in range(n)])
    return folder


@pytest.fixture
def bare(tmp_path):
    return lay_out(tmp_path / "bare")


def run_bare(folder, *arguments, absent=frozenset()):
    command = [sys.executable, "-c", BLOCK.format(absent=set(absent)), "scripts/train_many.py",
               "tiny.yaml", *map(str, arguments)]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


def test_the_order_is_by_model_seed_figure_and_k():
    config = read_config(REPOSITORY / "config/paper.yaml")
    runs = in_order(config, Wanted(figures=["figure2", "figure4"], datasets=["cifar10"]))
    first = [
        (run.classes_per_client, run.method.name, run.method.personalization_layers)
        for run in runs[:9]
    ]
    assert first == [
        (4, "FedAvg", 0), (4, "FedPer", 2), (10, "FedAvg", 0), (10, "FedPer", 2),
        (8, "FedAvg", 0), (8, "FedPer", 2), (4, "FedPer", 1), (4, "FedPer", 3), (4, "FedPer", 4),
    ]  # fmt: skip
    assert {run.seed for run in runs[:9]} == {0}
    assert runs[9].seed == 1
    assert [run.model for run in runs] == sorted(run.model for run in runs)  # MobileNet-v1 first
    assert len({run.name for run in runs}) == len(runs)


def test_a_name_that_the_configuration_has_not_is_one_line(bare):
    done = run_bare(bare, "--figures", "figure9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: --figures figure9: not in this configuration; it has ")
    done = run_bare(bare, "--seeds", 99)
    assert done.stderr == "error: no run of the configuration is wanted; ask for less at once\n"


def test_runs_cut_and_carried_in_an_archive_are_those_of_one_go(bare):
    """Two runs, cut twice, on a machine without most libraries, then brought to another folder."""
    two = ("--figures", "figure4", "--seeds", 0, "--device", "cpu")
    runs = in_order(read_config(bare / "tiny.yaml"), Wanted(["figure4"], seeds=[0]))
    names, folders = [run.name for run in runs], Folders("tiny")
    listed = run_bare(bare, *two, "--dry-run", absent=ABSENT)
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == len(names) + 1
    assert listed.stdout.lstrip().startswith("1     about 0.0 min  CIFAR-10, k = 4, ")
    assert not (bare / "results").exists()

    archive = bare / "carried/one.tar.gz"
    cut = 0
    for _ in range(2 * len(names)):
        done = run_bare(bare, *two, "--minutes", 0, "--pack", archive, absent=ABSENT)
        assert done.returncode == 0, done.stderr
        cut += "stopped by the time limit" in done.stdout
        if ", left: 0" in done.stdout:
            break
    assert cut >= 2
    with tarfile.open(archive) as packed:
        assert sorted(packed.getnames()) == sorted(
            f"results/tiny/runs/{name}/{file}" for name in names for file in FILES_OF_A_RUN
        )

    whole = lay_out(bare / "whole")
    done = run_bare(whole, *two)
    assert done.returncode == 0, done.stderr
    for run in runs:
        history = folders.run(run) / "history.csv"
        assert (bare / history).read_bytes() == (whole / history).read_bytes()

    brought = lay_out(bare / "brought")
    command = [sys.executable, "scripts/bring.py", "tiny.yaml", str(archive)]
    done = subprocess.run(command, cwd=brought, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"brought {name}" for name in sorted(names)]
    about = json.loads((brought / folders.run(runs[0]) / "run.json").read_text())
    assert about["name"] == names[0]


def test_what_is_not_at_hand_and_cannot_be_downloaded_is_one_line(bare):
    for path in (bare / "data/raw/cifar10").iterdir():
        path.unlink()
    (bare / "data/raw/cifar10").rmdir()
    done = run_bare(bare, "--figures", "figure4", absent=ABSENT)
    assert done.returncode == 1
    assert done.stderr == (
        "error: cifar10: not at hand, and gdown, which downloads, is not installed; bring its "
        "files to data/raw/cifar10\n"
    )


def test_a_checkpoint_travels_too(bare):
    two = ("--figures", "figure4", "--seeds", 0, "--device", "cpu")
    archive = bare / "one.tar.gz"
    done = run_bare(bare, *two, "--minutes", 0, "--pack", archive)
    assert "0 finished runs, and a checkpoint" in done.stdout
    brought = lay_out(bare / "brought")
    command = [sys.executable, "scripts/bring.py", "tiny.yaml", str(archive)]
    done = subprocess.run(command, cwd=brought, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout.count("brought the checkpoint of ")) == (0, 1), done.stderr
    done = run_bare(brought, *two)
    assert "round 1/" not in done.stdout.splitlines()[1]
    (bare / "spoiled.tar.gz").write_bytes(archive.read_bytes()[:100])
    command[-1] = str(bare / "spoiled.tar.gz")
    done = subprocess.run(command, cwd=brought, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {bare}/spoiled.tar.gz: not readable as an archive (")


def test_a_run_trained_again_has_the_same_bytes_and_a_line_in_the_table(bare, monkeypatch):
    monkeypatch.chdir(bare)
    one = ("--figures", "figure4", "--seeds", "0", "--device", "cpu", "--minutes", "0")
    first, *_ = in_order(read_config(bare / "tiny.yaml"), Wanted(["figure4"], seeds=[0]))
    again = ("train_again.py", "tiny.yaml", first.name, "--device", "cpu", "--out", "again.csv")
    status, words = run_main(*again)
    assert (status, words) == (
        1,
        f"error: {first.name}: not there, or not by this code; train it first",
    )
    for _ in range(first.rounds + 1):
        run_main("train_many.py", "tiny.yaml", *one)
    folder = Folders("tiny").run(first)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run_main(*again) == (0, "")
    assert run_main(*again) == (0, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (row,) = pd.read_csv("again.csv").to_dict("records")
    assert (row["scale"], row["run"], row["same_bytes"]) == ("tiny", first.name, True)
    assert row["there"] == row["here"]
    assert row["accuracy_there"] == row["accuracy_here"]
    assert run_main("train_again.py", "tiny.yaml", "no-run", "--out", "again.csv") == (
        1, "error: no-run: no run of this configuration",
    )  # fmt: skip

"""What happens to results under DVC when a disk, a storage, a signal or a second run does harm."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from dvc_world import ENVIRONMENT, adopt, call, mini, must, must_agree, spoil, write_config

pytestmark = pytest.mark.slow

N_ROUNDS = 24
HISTORY = "-kp2-seed0-*/history.csv"


def history_of(folder: Path) -> Path:
    (path,) = folder.glob(f"results/mini/runs/*{HISTORY}")
    return path


def object_of(store: Path, history: Path, kind: str) -> Path:
    """Where a storage has a history, or the list of all runs' files."""
    for path in store.glob("files/md5/*/*.dir"):
        for entry in json.loads(path.read_text()):
            if history.match(entry["relpath"]):
                md5 = entry["md5"]
                return path if kind == "list" else store / "files/md5" / md5[:2] / md5[2:]
    raise AssertionError(f"{store} has no {history}")


def test_a_spoiled_storage_reaches_no_workspace_and_heals(made, bare, tmp_path):
    shutil.copytree(made.parent / "storage", tmp_path / "storage")
    must(bare, "dvc", "remote", "modify", "local", "url", tmp_path / "storage")
    must(bare, "git", "commit", "-qam", "another storage")
    history = history_of(made)
    stored = object_of(tmp_path / "storage", history, "history")
    spoil(stored)
    done = call(bare, "dvc", "pull")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not list(bare.glob("results/mini/runs/*/history.csv"))
    # DVC takes what a list in the storage names as being there, so the list has to go too
    for path in (stored, object_of(tmp_path / "storage", history, "list")):
        path.unlink()
    must(bare, "dvc", "repro")
    assert history_of(bare).read_bytes() == history.read_bytes()
    must(bare, "dvc", "push")
    must(bare, "git", "commit", "-qam", "made again")
    must(tmp_path, "git", "clone", "-q", bare, "another")
    must(tmp_path / "another", "dvc", "pull")
    assert adopt(tmp_path / "another").returncode == 0
    must_agree(tmp_path / "another")


def start(folder: Path) -> subprocess.Popen:
    """Start `dvc repro train` with more rounds, and wait until a round has been trained."""
    config = mini()
    config["datasets"]["cifar10"]["rounds"] = N_ROUNDS
    write_config(folder, config)
    for log in folder.glob("logs/mini/train/*.log"):
        log.unlink()
    with (folder / "repro.log").open("w") as log:
        process = subprocess.Popen(
            ["dvc", "repro", "train"], cwd=folder, stdout=log, stderr=log, env=ENVIRONMENT,
            start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    for _ in range(600):
        if any("round" in log.read_text() for log in folder.glob("logs/mini/train/*.log")):
            return process
        assert process.poll() is None, (folder / "repro.log").read_text()
        time.sleep(0.1)
    raise AssertionError("no round within a minute")


def must_be_whole(folder: Path, made: Path) -> None:
    """Every round is there, and those that a run of two rounds has too are the same."""
    for k_p in (0, 2):
        (path,) = folder.glob(f"results/mini/runs/*-kp{k_p}-*/history.csv")
        (other,) = made.glob(f"results/mini/runs/*-kp{k_p}-*/history.csv")
        history, shorter = pd.read_csv(path), pd.read_csv(other)
        assert list(history["round"].unique()) == list(range(1, N_ROUNDS + 1))
        assert history[history["round"] <= shorter["round"].max()].equals(shorter)


def running_in(folder: Path) -> list[str]:
    """Name the processes that work in a folder."""
    processes = psutil.process_iter(["name", "cwd"])
    return [process.info["name"] for process in processes if process.info["cwd"] == str(folder)]


def test_a_repro_that_was_killed_or_interrupted_heals_and_a_second_one_is_refused(made, bare):
    """Only after SIGKILL the user has to say that no Snakemake works here."""
    killed = start(bare)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not list(bare.glob("results/mini/runs/*/run.json"))
    refused = call(bare, "dvc", "repro", "train")
    assert refused.returncode != 0
    assert "It can be removed with the --unlock argument" in refused.stderr
    must(bare, "snakemake", "--configfile", "config/mini.yaml", "--unlock")
    interrupted = start(bare)
    os.killpg(interrupted.pid, signal.SIGINT)
    assert interrupted.wait(timeout=60) != 0
    assert running_in(bare) == []
    assert not list(bare.glob("results/mini/runs/*/run.json"))
    first = start(bare)
    second = call(bare, "dvc", "repro", "train")
    assert second.returncode != 0
    (line,) = [line for line in second.stderr.splitlines() if line.startswith("ERROR")]
    assert "is busy, it is being blocked by" in line
    assert f"(PID {first.pid}): " in second.stderr
    assert "Traceback" not in second.stderr
    assert first.wait(timeout=120) == 0, (bare / "repro.log").read_text()
    must_be_whole(bare, made)

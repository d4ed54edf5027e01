"""What happens to results under DVC when a signal or a second run does harm."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from dvc_world import ENVIRONMENT, call, mini, must, write_config

pytestmark = pytest.mark.slow

N_ROUNDS = 24


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

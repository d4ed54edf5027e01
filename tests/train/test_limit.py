"""A run that is cut at a limit says so, and goes on as if it had not been."""

import os
import signal
import subprocess
import sys
import time

import fedper.job.limit as module
import pandas as pd
import pytest
import torch
from conftest import REPOSITORY, SMALL, run_main
from fedper.data.make_partition import make_partition
from fedper.data.stored import save_dataset, write_partition
from fedper.exits import TRY_AGAIN, TryAgainError
from fedper.job.checkpoint import Checkpoints
from fedper.job.limit import Limit
from fedper.job.simulate import simulate
from fedper.run import change

RUN = change(SMALL, rounds=4, n_clients=2, classes_per_client=5, learning_rate=0.005)
CPU = torch.device("cpu")


def nothing(line):
    pass


@pytest.fixture
def partition(small_dataset):
    return make_partition(small_dataset, RUN.samples, RUN.n_clients, 5, 0)


def test_no_round_begins_that_would_not_fit(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    limit = Limit(minutes=1)
    for seconds, reached in ((10, ""), (20, ""), (10, ""), (1, "the time limit")):
        limit.begin_round()
        now[0] += seconds
        assert limit.reached() == reached, now  # at 10, 30, 40 and 41 s; another takes up to 20


def test_without_a_limit_a_run_goes_on():
    assert Limit().reached() == ""


def test_a_run_cut_after_every_round_ends_with_the_same_bytes(small_dataset, partition, tmp_path):
    whole = simulate(RUN, small_dataset, partition, CPU, nothing)
    said = []
    for _ in range(3):
        with pytest.raises(TryAgainError) as stopped:
            simulate(
                RUN, small_dataset, partition, CPU, nothing,
                Checkpoints(tmp_path, {}, every_s=1000), Limit(minutes=0),
            )  # fmt: skip
        said.append(str(stopped.value))
    assert said == [
        f"{RUN.name}: stopped by the time limit after round {n} of 4; the same command goes on"
        for n in (1, 2, 3)
    ]
    resumed = simulate(
        RUN, small_dataset, partition, CPU, nothing, Checkpoints(tmp_path, {}), Limit(minutes=0)
    )
    assert pd.DataFrame(resumed.history).to_csv() == pd.DataFrame(whole.history).to_csv()
    written = [row["checkpoint_s"] > 0 for row in resumed.timing]
    assert written == [False, False, False, True]  # a checkpoint cannot hold its own seconds


def test_sigterm_ends_a_run_after_its_round(small_dataset, partition, tmp_path):
    before = signal.getsignal(signal.SIGTERM)

    def terminate(line):
        os.kill(os.getpid(), signal.SIGTERM)

    limit = Limit()
    checkpoints = Checkpoints(tmp_path, {}, every_s=1000)
    with limit.heeding_sigterm(), pytest.raises(TryAgainError, match="SIGTERM after round 2 of 4"):
        simulate(RUN, small_dataset, partition, CPU, terminate, checkpoints, limit)
    assert signal.getsignal(signal.SIGTERM) == before
    assert [path.name for path in tmp_path.iterdir()] == ["round-00002.safetensors"]


def test_checkpoints_are_at_least_so_many_seconds_apart(
    small_dataset, partition, tmp_path, monkeypatch
):
    rounds = []
    save = Checkpoints.save

    def spy(self, progress, now=False):
        before = set(tmp_path.iterdir())
        save(self, progress, now)
        if set(tmp_path.iterdir()) != before:
            rounds.append(progress.round)

    monkeypatch.setattr(Checkpoints, "save", spy)
    slow = Checkpoints(tmp_path, {}, every_s=1000)
    simulate(change(RUN, rounds=3), small_dataset, partition, CPU, nothing, slow)
    assert rounds == [3]  # the last, whenever it is
    slow._last = time.monotonic() - 1000
    rounds.clear()
    simulate(change(RUN, rounds=5), small_dataset, partition, CPU, nothing, slow)
    assert rounds == [4, 5]


def test_a_limit_without_checkpoints_is_refused():
    status, words = run_main(
        "train.py", "--run", RUN.to_json(), "--data", "d", "--partition", "p", "--out", "o",
        "--minutes", "1",
    )  # fmt: skip
    assert (status, "add --checkpoints" in words) == (1, True)


@pytest.mark.parametrize("by", ["minutes", "SIGTERM", "SIGTERM and no reader"])
def test_the_script_ends_with_a_status_of_its_own_and_goes_on(
    small_dataset, partition, tmp_path, by
):
    save_dataset(small_dataset, tmp_path / "data.safetensors")
    write_partition(partition, tmp_path / "partition.json")
    call = [
        sys.executable, REPOSITORY / "scripts/train.py", "--run", RUN.to_json(),
        "--data", tmp_path / "data.safetensors", "--partition", tmp_path / "partition.json",
        "--device", "cpu", "--checkpoints", tmp_path / "checkpoints", "--out", tmp_path / "out",
    ]  # fmt: skip
    limited = [*call, "--minutes", "0"] if by == "minutes" else call
    process = subprocess.Popen(limited, stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline()]
    if by == "SIGTERM and no reader":
        process.stdout.close()
    if by.startswith("SIGTERM"):
        process.terminate()
    lines += [] if process.stdout.closed else process.stdout.read().splitlines()
    assert process.wait() == TRY_AGAIN == 75
    assert process.stdout.closed or ": stopped by " in lines[-1]
    assert not (tmp_path / "out").exists()
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "round 1/4" not in done.stdout
    whole = pd.DataFrame(simulate(RUN, small_dataset, partition, CPU, nothing).history)
    assert (tmp_path / "out/history.csv").read_text() == whole.to_csv(index=False)
    assert not (tmp_path / "checkpoints").exists()

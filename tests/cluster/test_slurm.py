"""A cluster: what jobs ask for, and the tiny pipeline on a real SLURM where one can be started."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, RUN
from fedper.plan.config import read_config
from fedper.plan.demands import Demand, demand, of_an_array
from fedper.plan.experiments import all_runs
from fedper.run import change
from slurm_world import running_slurm, why_not
from test_pipeline import BIN, changed, copy_repository, snakemake

QUICKLY = (
    "--slurm-no-account", "--slurm-status-command", "squeue",
    "--slurm-init-seconds-before-status-checks", 1, "--seconds-between-status-checks", 1,
    "--latency-wait", 10,
)  # fmt: skip
"""For a SLURM without accounting, and a test that does not wait long between looks."""


def test_a_run_of_the_paper_asks_for_the_measured_time_four_times_and_ten_minutes():
    """100 rounds of 4 epochs of 50,000 images, 48,000 a second: 7 minutes."""
    runs = all_runs(read_config(REPOSITORY / "config/paper.yaml")).values()
    first = next(run for run in runs if (run.dataset, run.model) == ("cifar10", "mobilenet_v1"))
    asked = demand(first, "cuda")
    assert asked.minutes == round(10 + 4 * 100 * 4 * 50_000 / 48_000 / 60)
    # CIFAR-10's training images are 154 MB
    assert asked.mem_mb == round(6000 + 4 * 50_000 * 3 * 32 * 32 / 1e6)
    assert demand(first, "cpu").minutes > 100 * asked.minutes
    assert demand(replace(first, threads=2), "cpu").minutes < demand(first, "cpu").minutes


def test_a_small_batch_costs_a_step_and_ratings_count_the_most_that_a_worker_may_have():
    samples = {"rule": "workers", "max_ratings": 100, "image_size": 64}
    run = replace(change(RUN, local_epochs=1), dataset="flickr_aes", samples=samples, n_clients=30)
    run = replace(run, batch_size=4, rounds=100, stem="cifar")
    assert demand(run, "cuda").minutes == round(10 + 4 * 100 * 30 * 100 / 4 * 0.002 / 60)


def test_an_array_asks_for_the_memory_of_the_largest_run_and_the_time_of_19_of_20():
    assert of_an_array([Demand(10, 5), Demand(3, 9)]) == Demand(10, 9)
    assert of_an_array([Demand(minutes, 1) for minutes in range(1, 21)]) == Demand(19, 1)
    assert of_an_array([Demand(7, 1)]) == Demand(7, 1)


FIELDS = "ArrayJobID:20,ArrayTaskID:10,State:15,tres-per-job:20,Comment:40"


def tiny_for_slurm(**compute) -> dict:
    """Two runs of eight rounds, one figure, no universes."""
    config = changed(compute=compute)
    config["multiverse"] = {"runs": [], "universes": {"the authors' code": {}}}
    config["datasets"] = {"cifar10": {**config["datasets"]["cifar10"], "rounds": 8}}
    config["figures"] = {"figure2": config["figures"]["figure2"]}
    return config


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if reason := why_not():
        pytest.skip(reason)
    with running_slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def login_node(folder: Path, config: dict) -> Path:
    """A folder on the shared file system from which jobs are sent."""
    folder.mkdir()
    copy_repository(folder)
    shutil.copytree(REPOSITORY / "profiles", folder / "profiles")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    return folder


def submit(*arguments) -> list:
    return [BIN / "snakemake", "--profile", "profiles/slurm", "--configfile", "tiny.yaml",
            *QUICKLY, *arguments]  # fmt: skip


@pytest.mark.slow
def test_the_tiny_pipeline_goes_through_slurm_cut_and_cancelled_and_gives_the_same_bytes(
    slurm, tmp_path
):
    """Every run is cut every three seconds, and one is cancelled besides, as by preemption."""
    folder = login_node(tmp_path / "login", tiny_for_slurm(minutes=0.05))
    process = slurm.start(folder, *submit("--set-resources", "train:gpu=1", "--retries", 20))
    cards, cancelled, deadline = {}, None, time.monotonic() + 500
    while process.poll() is None:
        assert time.monotonic() < deadline
        for job, task, state, card, comment in slurm.jobs(FIELDS):
            cards.setdefault(comment.split("_wildcards")[0], set()).add(card)
            logs = list(folder.glob("logs/tiny/train/*.log"))
            plays = any("round 2/" in log.read_text() for log in logs)
            if state == "RUNNING" and "train" in comment and plays and not cancelled:
                cancelled = job if task == "N/A" else f"{job}_{task}"
                assert slurm.run(folder, "scancel", cancelled)[0] == 0
        time.sleep(0.3)
    said = process.stdout.read()
    assert process.returncode == 0, said
    assert cancelled
    assert cards.pop("rule_train") == {"gres:gpu:1"}
    assert set().union(*cards.values()) == {"N/A"}
    assert (folder / "results/tiny/report.pdf").exists()

    here = tmp_path / "here"
    here.mkdir()
    copy_repository(here)
    result = snakemake(here, "--", "runs", config=tiny_for_slurm())
    assert result.returncode == 0, result.stderr
    histories = sorted(
        path.relative_to(here) for path in here.glob("results/tiny/runs/*/history.csv")
    )
    assert len(histories) == 2
    for history in histories:
        assert (folder / history).read_bytes() == (here / history).read_bytes()
        log = folder / f"logs/tiny/train/{history.parent.name}.log"
        assert "round 8/8" in log.read_text()
        machines = json.loads((folder / history).with_name("run.json").read_text())["machines"]
        assert machines[0]["from_round"] == 1


@pytest.mark.slow
def test_a_job_that_was_promised_a_card_and_has_none_says_so_in_one_line(slurm, tmp_path):
    folder = login_node(tmp_path / "login", tiny_for_slurm(device="auto"))
    code, said = slurm.run(folder, *submit("--retries", 0, "runs"))
    assert code == 1
    log = next(folder.glob("logs/tiny/train/*.log")).read_text()
    assert log.startswith("error: device: 'cuda', but PyTorch sees no GPU on ")
    assert log.count("\n") == 1
    assert log in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("train:slurm_partition=nope", "invalid partition specified: nope"),
        ("train:slurm_partition=billed", "name an account"),
        ("train:mem_mb=900000", "Requested node configuration is not available"),
    ],
)
def test_what_slurm_would_refuse_is_one_line_before_anything_is_sent(slurm, tmp_path, wish, words):
    folder = login_node(tmp_path / "login", tiny_for_slurm())
    code, said = slurm.run(folder, *submit("--set-resources", wish, "--", "runs"))
    assert code == 1
    (error,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: SLURM refuses train with ")
    assert words in error
    assert error.endswith("where no GPU is wanted")
    assert slurm.jobs("JobID") == []
    assert not (folder / "data").exists()


def test_a_machine_without_sbatch_is_one_line(tmp_path):
    """As somebody's laptop, where only the plugin is installed."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    folder = login_node(tmp_path / "login", tiny_for_slurm())
    paths = tmp_path / "bin"
    paths.mkdir()
    for name in ("bash", "env", "which", "git"):
        (paths / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        [*map(str, submit("--", "runs"))], cwd=folder, env={**os.environ, "PATH": str(paths)},
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: no sbatch in PATH; ")

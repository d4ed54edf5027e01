"""All that wants a GPU, in one command: tests, speed, then the first runs of the paper's scale.

    python benchmarks/gpu.py --minutes 30 --out results/benchmarks/gpu.json

Tests that need CUDA; recorded steps against steps kernel by kernel, with the price of determinism
and the gain of tf32 and bfloat16; then runs of config/paper.yaml on CIFAR, seed by seed, Figures 2,
4, 3 and 5, until the time is up. A run that is cut off goes on from its checkpoint next time.
Data and partitions are made by Snakemake where there is one, or must be there.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path
from shutil import which

import torch
import yaml
from fedper.algorithm.federated import server_round
from fedper.algorithm.optimiser import Optimiser
from fedper.errors import InputError
from fedper.exits import one_line_errors
from fedper.files import write_text
from fedper.job.machine import describe
from fedper.names import MODELS
from fedper.plan.draws import draws_of_runs
from fedper.plan.experiments import figure_runs
from fedper.run import Run, change
from fedper.train.device import set_up_device
from round_vs_loop import RUN, seconds, set_up

CONFIG = Path("config/paper.yaml")
FIGURES = ("figure2", "figure4", "figure3", "figure5")
OPTIONS = (
    {},
    {"deterministic": False},
    {"precision": "tf32"},
    {"precision": "bfloat16"},
)
"""Settings whose speed is compared: the reference, and what each switch gains."""


def measure_speed(settings: dict, device_name: str) -> dict:
    """Time a round of training with recorded steps against one kernel by kernel."""
    n_images, repeats = (settings.pop(key) for key in ("images", "repeats"))
    run = change(RUN, **settings)
    device = set_up_device(device_name, run)
    model, base, clients = set_up(run, n_images, device)
    ways = {
        name: partial(server_round, model, base, clients[:], 1, run, optimiser=optimiser)
        for name, optimiser in (
            ("kernel_by_kernel", Optimiser(model, run, records=False)),
            ("recorded", Optimiser(model, run)),
        )
    }
    losses = {
        name: [report.train_loss.item() for report in play()[1]] for name, play in ways.items()
    }  # this also warms up
    turns = [{name: seconds(play, device) for name, play in ways.items()} for _ in range(repeats)]
    trained = run.n_clients * n_images * run.method.train[0].epochs
    speed = {name: trained / statistics.median(turn[name] for turn in turns) for name in ways}
    pairs = zip(*losses.values(), strict=True)
    return {
        **settings,
        **{f"{name}_images_per_s": round(value, 1) for name, value in speed.items()},
        "ratio": round(speed["recorded"] / speed["kernel_by_kernel"], 2),
        "largest_difference_of_losses": max(abs(a / b - 1) for a, b in pairs),
        "peak_mib": round(torch.cuda.max_memory_allocated() / 2**20) if device.type != "cpu" else 0,
    }  # fmt: skip


def speed_apart(settings: dict) -> dict:
    """Measure in a process of its own, because settings of determinism hold for all of it."""
    command = [sys.executable, __file__, "--only", json.dumps(settings)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    result = json.loads(done.stdout)
    print(result, flush=True)
    return result


def runs_in_order(config: dict) -> list[Run]:
    """List the runs on CIFAR: seed 0 of all figures first, each run once."""
    runs = [run for figure in FIGURES for run in figure_runs(config, figure)]
    return sorted({run.name: run for run in runs}.values(), key=lambda run: run.seed)


def files_of(config: dict, run: Run) -> dict[str, Path]:
    """Name the files that a run reads and writes, as the workflow does."""
    scale = config["scale"]
    draw = draws_of_runs(config)[run.name]
    return {
        "data": Path(f"data/prepared/{scale}/{draw.data.name}.safetensors"),
        "partition": Path(f"results/{scale}/partitions/{draw.name}.json"),
        "checkpoints": Path(f"checkpoints/{scale}/{run.name}"),
        "out": Path(f"results/{scale}/runs/{run.name}"),
    }


def make_data(config: dict, runs: list[Run]) -> None:
    """Let Snakemake prepare and partition what ``runs`` read; InputError if it is not there."""
    files = [path for run in runs for path in list(files_of(config, run).values())[:2]]
    missing = sorted({str(path) for path in files if not path.exists()})
    if missing and not which("snakemake"):
        raise InputError(f"{missing[0]}: missing, and no snakemake here; make it elsewhere")
    if missing:
        call = ["snakemake", "--cores", "all", "--configfile", str(CONFIG), "--", *missing]
        subprocess.run(call, check=True)


def command(config: dict, run: Run) -> list[str]:
    """Give the command line that trains a run of the configuration."""
    files = files_of(config, run)
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    return [
        sys.executable, "scripts/train.py", "--run", run.to_json(), "--device", "cuda",
        *options,
    ]  # fmt: skip


def train_until(config: dict, runs: list[Run], deadline: float) -> int:
    """Train what is not there yet, one run after another; return how many were finished.

    deadline: of ``time.monotonic``; a run that is not finished then is killed, and goes on from
    its last checkpoint next time. One that fails says why, and does not stop the others.
    """
    n_finished = 0
    for run in runs:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        if (files_of(config, run)["out"] / "run.json").exists():
            continue
        try:
            done = subprocess.run(command(config, run), check=False, timeout=left)
        except subprocess.TimeoutExpired:
            break
        n_finished += done.returncode == 0
    return n_finished


@one_line_errors
def main() -> None:
    """Read the command line; test, measure, train; write the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30, help="for all of it")
    parser.add_argument("--only", help="one measurement of speed and its settings, as JSON")
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure_speed(json.loads(arguments.only), "cuda")))
        return

    deadline = time.monotonic() + 60 * arguments.minutes
    result: dict = {"device": describe(set_up_device("cuda", RUN)), "torch": torch.__version__}
    done = subprocess.run([sys.executable, "-m", "pytest", "tests/cuda"], check=False)
    result |= {"tests_passed": done.returncode == 0, "speed": []}
    size = {"n_clients": 10, "images": 1024, "local_epochs": 1, "repeats": 3}
    for option, model in product(OPTIONS, MODELS):
        result["speed"].append(speed_apart({**size, "model": model, **option}))
        if arguments.out:
            write_text(arguments.out, json.dumps(result, indent=2) + "\n")

    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    runs = runs_in_order(config)
    make_data(config, runs)
    print(f"{train_until(config, runs, deadline)} runs finished")


if __name__ == "__main__":
    main()

"""What a GPU is worth here, on a machine that has little more than PyTorch, in four minutes.

    python benchmarks/gpu.py --out results/benchmarks/gpu.json

In this order: the tests on CUDA; speed of both models in three precisions, deterministic or not, of
recorded steps against steps kernel by kernel; batches of 4, narrow models; a round of the paper's
size, with training, tests and checkpoint apart; the kernels that take longest. Each is measured in
a process of its own, with a time limit. One that fails or hangs does not end the others, and the
file is written after each. Then scripts/train_many.py can use the rest of the time.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import torch
from fedper.algorithm.federated import server_round
from fedper.algorithm.optimiser import Optimiser
from fedper.exits import one_line_errors
from fedper.files import write_text
from fedper.job.checkpoint import Checkpoints
from fedper.job.machine import describe
from fedper.job.progress import Progress
from fedper.job.simulate import play_rounds
from fedper.names import MODELS
from fedper.run import Run, change
from fedper.train.device import set_up_device
from round_vs_loop import RUN, seconds, set_up
from torch.profiler import ProfilerActivity, profile

N_KERNELS = 10

Measure = Callable[[Run, int, torch.device], dict]


def speed(run: Run, images: int, device: torch.device) -> dict:
    """Time a round of training with recorded steps against one kernel by kernel; three turns."""
    model, base, clients = set_up(run, images, device)
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
    turns = [{name: seconds(play, device) for name, play in ways.items()} for _ in range(3)]
    trained = run.n_clients * images * run.method.train[0].epochs
    fast = {name: trained / statistics.median(turn[name] for turn in turns) for name in ways}
    pairs = zip(*losses.values(), strict=True)
    return {
        **{f"{name}_images_per_s": round(value, 1) for name, value in fast.items()},
        "recorded_over_kernel_by_kernel": round(fast["recorded"] / fast["kernel_by_kernel"], 2),
        "largest_difference_of_losses": max(abs(a / b - 1) for a, b in pairs),
        "peak_mib": round(torch.cuda.max_memory_allocated() / 2**20) if device.type != "cpu" else 0,
    }


def whole_round(run: Run, images: int, device: torch.device) -> dict:
    """Play three rounds as training does; all tests are due in the second."""
    run = change(run, rounds=3, other_tests_every=2)
    model, base, clients = set_up(run, images, device)
    progress = Progress(base, clients)
    with tempfile.TemporaryDirectory() as folder:
        play_rounds(run, model, progress, lambda line: None, Checkpoints(Path(folder), {}))
    names = ("with one test, recording", "with all tests", "last, with all tests")
    return {
        name: {key: round(value, 3) for key, value in row.items() if key != "round"}
        for name, row in zip(names, progress.timing, strict=True)
    }


def kernels(run: Run, images: int, device: torch.device) -> dict:
    """List the kernels (on a CPU: operators) that a client's training spends most time in."""
    model, base, clients = set_up(change(run, n_clients=1), images, device)
    play = partial(server_round, model, base, clients[:], 1, run)
    play()
    activity = ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU
    with profile(activities=[activity]) as found:
        play()
    name = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    rows = sorted(found.key_averages(), key=lambda row: getattr(row, name), reverse=True)
    total = sum(getattr(row, name) for row in rows) or 1
    return {
        "share_of_time": {
            row.key[:80]: round(getattr(row, name) / total, 3) for row in rows[:N_KERNELS]
        }
    }


KINDS: dict[str, Measure] = {"speed": speed, "round": whole_round, "kernels": kernels}


def plan(images: int) -> list[dict]:
    """List what is measured, the most telling first; images: of a client, but for whole rounds."""
    small = {"images": images, "local_epochs": 1, "n_clients": 10}
    precisions = ("tf32", "float32", "bfloat16")
    speeds = [
        {"kind": "speed", "model": model, "precision": precision, "deterministic": same, **small}
        for same, precision, model in product((True, False), precisions, MODELS)
    ]
    odd = [
        {"kind": "speed", "model": model, "precision": "tf32", **small, **other}
        for model, other in product(
            MODELS, ({"batch_size": 4, "images": max(4, images // 16)}, {"width": 0.25})
        )
    ]
    rounds = [
        {"kind": "round", "model": model, "precision": "tf32", "n_clients": 10,
         "images": 4 * images, "evaluation_batch_size": 2500}
        for model in MODELS
    ]  # fmt: skip
    profiles = [
        {"kind": "kernels", "model": model, "precision": "tf32", "images": images,
         "local_epochs": 1}
        for model in MODELS
    ]  # fmt: skip
    return [*speeds[:6], *rounds[:1], *profiles, *odd, *rounds[1:], *speeds[6:]]


def measure_here(settings: dict, device_name: str) -> dict:
    """Measure one thing of :func:`plan` in this process."""
    kind, images = settings.pop("kind"), settings.pop("images")
    if device_name == "cpu":  # where all of this is only tried
        settings["precision"] = "float32"
    run = change(RUN, **settings)
    return KINDS[kind](run, images, set_up_device(device_name, run))


def call(command: list[str], limit_s: float) -> subprocess.CompletedProcess | dict:
    """Call a command; return what it said, or {"failed": …} if it takes longer than ``limit_s``."""
    try:
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", check=False, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {limit_s:.0f} s"}


def apart(command: list[str], limit_s: float) -> dict:
    """Call a command that prints JSON; say what became of it where it fails or takes too long."""
    done = call(command, limit_s)
    if isinstance(done, dict):
        return done
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        return {"failed": last[0] if last else f"exit status {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def run_tests(limit_s: float) -> dict:
    """Run the tests on CUDA; give pytest's last line."""
    done = call([sys.executable, "-m", "pytest", "-q", "tests/cuda"], limit_s)
    if isinstance(done, dict):
        return done
    return {"passed": done.returncode == 0, "summary": done.stdout.strip().splitlines()[-1:]}


@one_line_errors
def main() -> None:
    """Read the command line, measure one thing or all, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=4, help="for all of it (default: 4)")
    parser.add_argument("--limit", type=float, default=40, help="for each, in s (default: 40)")
    parser.add_argument("--images", type=int, default=1024, help="of a client (default: 1024)")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try this (default: cuda)")
    parser.add_argument("--only", type=json.loads, help="one measurement, as JSON")
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure_here(arguments.only, arguments.device)))
        return

    end = time.monotonic() + 60 * arguments.minutes
    run = RUN if arguments.device == "cpu" else change(RUN, precision="tf32")
    result: dict = {
        "device": describe(set_up_device(arguments.device, run)), "torch": torch.__version__,
        "tests": run_tests(min(arguments.limit * 2, end - time.monotonic())), "measured": [],
    }  # fmt: skip
    script = [sys.executable, __file__, "--device", arguments.device, "--only"]
    for settings in plan(arguments.images):
        left = end - time.monotonic()
        found = {"failed": "no time left"}
        if left > 0:
            found = apart([*script, json.dumps(settings)], min(arguments.limit, left))
        result["measured"].append({**settings, **found})
        print(json.dumps(result["measured"][-1]), flush=True)
        if arguments.out:
            write_text(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Stop training runs at random moments, start each again, and compare the histories.

Runs of all kinds are trained on random images, first without interruption. Then each is stopped and
started again with the same command. The five ways to stop take turns: SIGKILL at a random moment of
its life, in the first write of a checkpoint after that, or as soon as the first of its results is
there, while others are written or checkpoints removed; SIGTERM at a random moment; a time limit of
as long. Every ``history.csv`` must be byte-identical to that of the uninterrupted run.

    python benchmarks/kill_and_resume.py --kills 50 --out results/benchmarks/kill_and_resume.json
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from fedper.data.dataset import Split, make_dataset
from fedper.data.make_partition import make_partition
from fedper.data.stored import save_dataset, write_partition
from fedper.exits import TRY_AGAIN
from fedper.files import PREFIX, write_text
from fedper.method import Phase, Test
from fedper.names import MODELS
from fedper.run import Run, change
from round_vs_loop import RUN

SCRIPT = Path(__file__).parents[1] / "scripts/train.py"
SMALL = change(
    RUN, n_clients=5, classes_per_client=4, width=0.25, local_epochs=1, batch_size=8, rounds=12,
    samples={"rule": "balanced", "images_per_class": 20,
             "test": {"from": "official", "images_per_class": 20}},
    evaluation_batch_size=40,
)  # fmt: skip
KINDS = {
    "FedAvg": change(SMALL, personalization_layers=0),
    "FedPer": SMALL,
    "FedPer, ResNet-34": change(SMALL, model="resnet34", rounds=6),
    "local training": change(SMALL, personalization_layers=MODELS["mobilenet_v1"].n_layers),
    "FedPer fine-tuned": change(SMALL, new_base=(Phase("personal", 1),)),
    "FedAvg fine-tuned": change(
        SMALL, personalization_layers=0, tests=(Test("end", "own", train=(Phase("all", 1),)),)
    ),
    "FedPer linear base": change(SMALL, base="linear"),
    "FedPer, own statistics": change(SMALL, tests=(Test("end", "own"),)),
}
"""Runs of all kinds; learning rate and size are such that none diverges."""


def make_data(folder: Path) -> None:
    """Write a data set of random images, and a partition of it."""
    generator = np.random.default_rng(0)

    def side() -> Split:
        images = generator.integers(0, 256, (200, 3, 32, 32), dtype=np.uint8)
        return Split(images, np.repeat(np.arange(10), 20))

    data = make_dataset(side(), side(), 10, {"source": "random images"})
    save_dataset(data, folder / "data.safetensors")
    drawn = make_partition(data, SMALL.samples, 5, 4, RUN.seed)
    write_partition(drawn, folder / "partition.json")


def command(folder: Path, run: Run, out: Path) -> list[str]:
    """Give the command line that trains ``run`` into ``out``, with checkpoints beside it."""
    parts = [
        sys.executable, SCRIPT, "--run", run.to_json(), "--data", folder / "data.safetensors",
        "--partition", folder / "partition.json", "--device", "cpu",
        "--checkpoints", checkpoints_of(out), "--checkpoint-seconds", "0", "--out", out,
    ]  # fmt: skip
    return [str(part) for part in parts]


def checkpoints_of(out: Path) -> Path:
    """Name the folder of a run's checkpoints."""
    return out.with_name(f"{out.name}-checkpoints")


def train(folder: Path, run: Run, out: Path) -> float:
    """Train without interruption; return the seconds that it took."""
    start = time.perf_counter()
    subprocess.run(command(folder, run, out), check=True, capture_output=True)
    return time.perf_counter() - start


MOMENTS = ("any", "in a write", "at the end", "SIGTERM", "time limit")
"""How a run is stopped: by SIGKILL but for the last two."""


def kill(process: subprocess.Popen, out: Path, seconds: float, moment: str) -> bool:
    """Stop a run after ``seconds``, or at the first ``moment`` of MOMENTS after that.

    Returns whether it was still running.
    """
    if moment == "time limit":
        return process.wait() == TRY_AGAIN
    if moment == "SIGTERM":
        time.sleep(seconds)
        process.terminate()
        return process.wait() in (TRY_AGAIN, -signal.SIGTERM)
    folder, pattern = {
        "any": (out, ""),
        "in a write": (checkpoints_of(out), f"{PREFIX}*"),
        "at the end": (out, "history.csv"),
    }[moment]
    time.sleep(seconds)
    while pattern and process.poll() is None and not any(folder.glob(pattern)):
        pass
    process.kill()
    return process.wait() == -signal.SIGKILL


def kill_and_resume(
    folder: Path, kind: str, seconds: float, moment: str, out: Path
) -> dict[str, object]:
    """Kill a run of one kind, start it again, and say what came of it.

    One that ends before it could be killed is begun anew, and killed sooner.
    """
    call = command(folder, KINDS[kind], out)
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    while True:
        limit = ["--minutes", str(seconds / 60)] if moment == "time limit" else []
        if kill(subprocess.Popen([*call, *limit], **silent), out, seconds, moment):
            break
        shutil.rmtree(out)
        seconds /= 2
    rounds = sorted(path.stem for path in checkpoints_of(out).glob("round-*"))
    was_writing = any(checkpoints_of(out).glob(f"{PREFIX}*"))
    done = subprocess.run(call, capture_output=True, encoding="utf-8", check=False)
    history = out / "history.csv"
    uninterrupted = (folder / kind / "history.csv").read_bytes()
    return {
        "kind": kind,
        "moment": moment,
        "killed_after_s": round(seconds, 2),
        "in_a_write": was_writing,
        "rounds_kept": int(rounds[-1].removeprefix("round-")) if rounds else 0,
        "resumed": done.returncode == 0,
        "identical": history.exists() and history.read_bytes() == uninterrupted,
        "left_behind": checkpoints_of(out).exists() or any(out.glob(f"{PREFIX}*")),
    }


def measure(folder: Path, kinds: list[str], n_kills: int, seed: int, jobs: int) -> list[dict]:
    """Make the uninterrupted runs, then ``n_kills`` interrupted ones, ``jobs`` at a time."""
    make_data(folder)
    draw = random.Random(seed)
    with ThreadPoolExecutor(jobs) as pool:
        lasted = list(pool.map(lambda kind: train(folder, KINDS[kind], folder / kind), kinds))
        kills = [
            (folder, kinds[n % len(kinds)], draw.uniform(0, lasted[n % len(kinds)]),
             MOMENTS[n % len(MOMENTS)],
             folder / f"killed{n}")
            for n in range(n_kills)
        ]  # fmt: skip
        return list(pool.map(lambda kill: kill_and_resume(*kill), kills))


def main() -> None:
    """Read the command line, kill and resume, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        kills = measure(Path(folder), list(KINDS), arguments.kills, arguments.seed, arguments.jobs)
    result = {
        "kills": len(kills),
        "before_the_first_checkpoint": sum(kill["rounds_kept"] == 0 for kill in kills),
        "in_a_write": sum(kill["in_a_write"] for kill in kills),
        "by_moment": {m: sum(kill["moment"] == m for kill in kills) for m in MOMENTS},
        "resumed": sum(kill["resumed"] for kill in kills),
        "identical": sum(kill["identical"] for kill in kills),
        "left_behind": sum(kill["left_behind"] for kill in kills),
        "each": kills,
    }
    print(json.dumps({key: value for key, value in result.items() if key != "each"}, indent=2))
    if arguments.out:
        write_text(arguments.out, json.dumps(result, indent=2) + "\n")
    sys.exit(0 if result["identical"] == len(kills) else 1)


if __name__ == "__main__":
    main()

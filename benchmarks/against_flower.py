"""FedPer by our engine and by Flower's simulation: speed, memory, start-up and accuracy.

Both train the same run on the same partition, from the same weights on the same batches, taking
turns, each in processes of its own. Ours is scripts/train.py: ``--beside`` runs beside each other
with a thread each, which is how the workflow uses cores, and one run alone with as many threads.
Flower's is flower_app.py: one run, as many of Ray's actors with a thread each; with PyTorch's own
convolutions in its default memory layout, which is what a client has unless its author knows
better, and with our model in our layout. Flower
needs other versions of some packages than we pin, so give it an environment of its own:

    python -m venv .venv-flower && .venv-flower/bin/pip install -e '.[benchmark]'
    python benchmarks/against_flower.py --flower-python .venv-flower/bin/python

Without ``--data`` both train on the digits of the quick scale.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from fedper.data.dataset import Dataset, Split
from fedper.data.make_partition import make_partition
from fedper.data.partition import ClientSamples, Partition
from fedper.data.stored import load_dataset, save_dataset, write_partition
from fedper.files import write_text
from fedper.names import MODELS
from fedper.run import Run, change
from process_tree import Usage, run_beside_each_other

HERE = Path(__file__).parent
SCRIPTS = HERE.parent / "scripts"
CLIENTS = {"default": "PyTorch's convolutions", "channels_last": "our model and layout"}
"""What Flower's clients train, by the name of the layout."""

QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": os.pathsep.join([str(SCRIPTS), os.environ.get("PYTHONPATH", "")]),
}
"""Environment of all commands: nobody is told of this, and both find our package."""


def main() -> None:
    """Read the command line, measure, print a table a model and write the result."""
    arguments = read_arguments()
    check_flower(arguments.flower_python)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: PyTorch in this one would share pages with those measured.
        with ProcessPoolExecutor(1) as pool:
            run, images = pool.submit(set_up, arguments, folder).result()
        result: dict = {"settings": asdict(run), "images_per_round": images, "models": []}
        result |= {key: getattr(arguments, key) for key in ("beside", "turns", "sample_every")}
        for model in arguments.models:
            turns = []
            for _ in range(arguments.turns):
                turns.append(take_turn(change(run, model=model), images, folder, arguments))
                about = turns[-1].pop("about")
            result |= about
            result["models"].append({"model": model, "turns": turns, "median": median(turns)})
            print(table(result["models"][-1]), flush=True)
    if arguments.out:
        write_text(arguments.out, json.dumps(result, indent=2) + "\n")


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--personalization-layers", type=int, default=2)
    parser.add_argument("--data", type=Path, help="prepared data set (default: digits)")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--classes-per-client", type=int, default=4)
    parser.add_argument("--train-images-per-class", type=int, default=200)
    parser.add_argument("--test-images-per-class", type=int, default=70)
    parser.add_argument("--rounds", type=int, default=3, help="speed is that of all but the first")
    parser.add_argument("--local-epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--beside", type=int, default=2, help="our runs, Flower's actors (CPUs)")
    parser.add_argument("--layouts", nargs="+", default=["default", "channels_last"],
                        choices=["default", "channels_last"], help="Flower's")  # fmt: skip
    parser.add_argument("--flower-python", type=Path, default=Path(sys.executable))
    parser.add_argument("--sample-every", type=float, default=1.0,
                        help="memory, in s; a sample takes about 0.02 s of a core")  # fmt: skip
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds: 2 at least, since the first is not counted")
    return arguments


def check_flower(python: Path) -> None:
    """Stop with one line if ``python`` has no Flower."""
    command = [python, "-c", "import flwr, ray, torch"]
    if subprocess.run(command, env={**os.environ, **QUIET}, capture_output=True).returncode:
        sys.exit(f"error: {python}: no Flower there; pip install -e '.[benchmark]' (see --help)")


def set_up(arguments: argparse.Namespace, folder: Path) -> tuple[Run, int]:
    """Write data.safetensors and partition.json; return the run, and its images in a round."""
    from round_vs_loop import RUN  # loads PyTorch

    data = load_dataset(arguments.data) if arguments.data else make_digits()
    samples = {
        "rule": "balanced", "images_per_class": arguments.train_images_per_class,
        "test": {"from": "official", "images_per_class": arguments.test_images_per_class},
    }  # fmt: skip
    k = arguments.classes_per_client
    partition = make_partition(data, samples, arguments.clients, k, RUN.seed)
    data, partition = cut(data, partition)
    save_dataset(data, folder / "data.safetensors")
    write_partition(partition, folder / "partition.json")
    same = ("classes_per_client", "width", "personalization_layers", "rounds", "local_epochs",
            "batch_size", "learning_rate")  # fmt: skip
    run = change(
        RUN,
        dataset=data.provenance["source"],
        n_clients=arguments.clients,
        samples=samples,
        threads=1,
        **{key: getattr(arguments, key) for key in same},
    )
    n_batched = [len(c.train) - (len(c.train) % run.batch_size == 1) for c in partition.clients]
    return run, run.method.train[0].epochs * sum(n_batched)


def make_digits() -> Dataset:
    """Make the digits that stand in for CIFAR-10 at the quick scale."""
    from fedper.data.digits import make  # loads PyTorch

    return make(image_size=32, test_fraction=0.4, copies=4, rotation_degrees=10, shift=0.06, seed=0)


def cut(data: Dataset, partition: Partition) -> tuple[Dataset, Partition]:
    """Leave out images that no client holds, so that neither side pays for reading them."""
    splits, row_of = {}, {}
    for name in ("train", "test"):
        rows = sorted({row for client in partition.clients for row in getattr(client, name)})
        whole = getattr(data, name)
        splits[name] = Split(whole.images[rows], whole.labels[rows])
        row_of[name] = dict(zip(rows, range(len(rows)), strict=True))
    clients = [
        ClientSamples(
            client.classes,
            train=[row_of["train"][row] for row in client.train],
            test=[row_of["test"][row] for row in client.test],
        )
        for client in partition.clients
    ]
    return replace(data, **splits), replace(partition, clients=clients)


def take_turn(run: Run, images: int, folder: Path, arguments: argparse.Namespace) -> dict:
    """Let every side train once, one after the other; also say what machine and versions."""
    n, every = arguments.beside, arguments.sample_every
    ours = partial(run_ours, images=images, folder=folder, every=every)
    flower = partial(run_flower, run, images, folder, arguments)
    sides: dict[str, Callable[[], dict]] = {
        f"ours, {n} runs, 1 thread each": lambda: ours([run] * n),
        **{
            f"Flower, {n} actors, {CLIENTS[layout]}": partial(flower, layout)
            for layout in arguments.layouts
        },
        f"ours, 1 run, {n} threads": lambda: ours([change(run, threads=n)]),
    }
    results = {name: work() for name, work in sides.items()}
    about: dict = {}
    for result in results.values():
        about |= result.pop("about")
    return {"about": about, **results}


def run_ours(runs: list[Run], images: int, folder: Path, every: float) -> dict:
    """Run scripts/train.py for all runs beside each other."""
    outs = [folder / f"run{i}" for i, _ in enumerate(runs)]
    commands = [
        [sys.executable, SCRIPTS / "train.py", "--run", run.to_json(), "--device", "cpu",
         "--data", folder / "data.safetensors", "--partition", folder / "partition.json",
         "--out", out]
        for run, out in zip(runs, outs, strict=True)
    ]  # fmt: skip
    logs = [folder / f"{out.name}.log" for out in outs]
    usage = run_beside_each_other(commands, logs, every, **QUIET)
    timings = [pd.read_csv(out / "timing.csv") for out in outs]
    history = pd.read_csv(outs[0] / "history.csv")
    about = json.loads((outs[0] / "run.json").read_text())
    start_ups = [
        seconds - timing[["training_s", "evaluation_s"]].to_numpy().sum()
        for seconds, timing in zip(usage.seconds, timings, strict=True)
    ]
    accuracies = (history["correct"] / history["samples"]).groupby(history["round"]).mean()
    return {
        "images_per_s": sum(images / timing["training_s"][1:].mean() for timing in timings),
        "start_up_s": statistics.mean(start_ups),
        **summary(usage, images * runs[0].rounds * len(runs)),
        "training_s": [timing["training_s"].tolist() for timing in timings],
        "evaluation_s": [timing["evaluation_s"].tolist() for timing in timings],
        "accuracies": accuracies.tolist(),
        "about": {"device": about["device"], "versions": about["versions"]},
    }


def run_flower(
    run: Run, images: int, folder: Path, arguments: argparse.Namespace, layout: str
) -> dict:
    """Run flower_app.py. Its start-up goes on in the first round, until a client trains.

    in_clients_images_per_s: what all actors would reach if they did nothing but train.
    """
    out = folder / "flower.json"
    command = [
        arguments.flower_python, HERE / "flower_app.py", "--run", run.to_json(), "--out", out,
        "--data", folder / "data.safetensors", "--partition", folder / "partition.json",
        "--layout", layout, "--actors", arguments.beside,
    ]  # fmt: skip
    usage = run_beside_each_other(
        [command], [folder / "flower.log"], arguments.sample_every, **QUIET
    )
    made = json.loads(out.read_text())
    rounds = pd.DataFrame(made["rounds"])
    in_rounds = rounds["training_s"].sum() + rounds["evaluation_s"].sum()
    return {
        "images_per_s": images / rounds["training_s"][1:].mean(),
        "in_clients_images_per_s": arguments.beside * images / rounds["clients_s"][1:].mean(),
        "start_up_s": usage.wall_s - in_rounds + rounds["waiting_s"][0],
        **summary(usage, images * run.rounds),
        "training_s": [rounds["training_s"].tolist()],
        "evaluation_s": [rounds["evaluation_s"].tolist()],
        "accuracies": [
            float(np.mean(np.divide(correct, samples)))
            for correct, samples in zip(rounds["correct"], rounds["samples"], strict=True)
        ],
        "about": {"flower_versions": made["versions"]},
    }


def summary(usage: Usage, images: int) -> dict:
    """Say what a side took altogether, for ``images`` that it trained in all rounds."""
    return {
        "all_in_images_per_s": images / usage.wall_s,
        "wall_s": usage.wall_s,
        "peak_mib": usage.peak_bytes / 2**20,
        "peak_processes": usage.peak_processes,
    }


def median(turns: list[dict]) -> dict:
    """Take the median over turns of every number of every side, and of ours over Flower's speed."""
    first = next(iter(turns[0]))
    result: dict = {}
    for side, values in turns[0].items():
        keys = [key for key, value in values.items() if not isinstance(value, list)]
        result[side] = {key: statistics.median(turn[side][key] for turn in turns) for key in keys}
        for key in ("images_per_s", "all_in_images_per_s"):
            ratios = [turn[first][key] / turn[side][key] for turn in turns]
            result[side][f"first_over_this_{key}"] = statistics.median(ratios)
    return result


def table(measured: dict) -> str:
    """Write one model's medians, and the accuracies of the first turn, as Markdown."""
    rows = [
        {
            "": side,
            "images/s": f"{values['images_per_s']:.0f}",
            "ours / this": f"{values['first_over_this_images_per_s']:.2f}",
            "images/s, all in": f"{values['all_in_images_per_s']:.0f}",
            "ours / this, all in": f"{values['first_over_this_all_in_images_per_s']:.2f}",
            "start-up, s": f"{values['start_up_s']:.1f}",
            "peak memory, MiB": f"{values['peak_mib']:.0f}",
            "processes": f"{values['peak_processes']:.0f}",
        }
        for side, values in measured["median"].items()
    ]
    speed = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    accuracy = pd.DataFrame({s: v["accuracies"] for s, v in measured["turns"][0].items()})
    accuracy.index = pd.RangeIndex(1, len(accuracy) + 1, name="accuracy in round")
    return f"\n{measured['model']}\n\n{speed}\n\n{accuracy.to_markdown(floatfmt='.4f')}"


if __name__ == "__main__":
    main()

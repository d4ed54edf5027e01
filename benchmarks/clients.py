"""Time per image as clients grow in number, from 10 to 1,000.

For a fixed number of images a client; for a fixed number of images in all, with the paper's four
local epochs; and for the worst case, in which each of a thousand clients takes a single step, so
that what a client costs besides its steps shows. Each number of clients is a process of its own.
They are all there at once, and train in turn, there and back again, so that a slow minute of the
machine does not make one of them look slow.

    python benchmarks/clients.py --out results/benchmarks/clients.json
"""

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from fedper.device import describe, set_up_device
from fedper.federated import server_round
from fedper.files import write_text
from round_vs_loop import RUN, seconds, set_up
from scaling import peak_mib

CLIENTS = (10, 30, 100, 300, 1000)
CPU = torch.device("cpu")
SMALL = {"model": "mobilenet_v1", "width": 0.25, "personalization_layers": 1}


def train_when_told(settings: dict) -> None:
    """Train for each line of standard input, and print the seconds; at its end, the peak in MiB.

    settings: of the run; images: of each client; rounds: how many to train at a time.
    """
    n_images, n_rounds = settings.pop("images"), settings.pop("rounds")
    run = replace(RUN, **settings)
    set_up_device("cpu", run)
    model, base, clients = set_up(run, n_images, CPU)
    server_round(model, base, clients[:2], 1, replace(run, local_epochs=1))  # warms up
    print("ready", flush=True)
    for _ in sys.stdin:
        taken = 0.0
        for round_ in range(1, n_rounds + 1):
            taken += seconds(lambda r=round_: server_round(model, base, clients[:], r, run), CPU)
        print(taken / n_rounds, flush=True)
    print(peak_mib())


def in_turn(all_settings: list[dict], n_turns: int) -> list[dict]:
    """Let a process for each of the settings train ``n_turns`` times; say what each took."""
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, __file__, "--only", json.dumps(settings)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                )
            )
            for settings in all_settings
        ]  # fmt: skip
        for child in children:
            child.stdout.readline()  # ready
        taken: list[list[float]] = [[] for _ in children]
        for turn in range(n_turns):
            order = range(len(children)) if turn % 2 == 0 else range(len(children))[::-1]
            for number in order:
                children[number].stdin.write("go\n")
                taken[number].append(float(children[number].stdout.readline()))
        peaks = [float(child.communicate()[0]) for child in children]
    rows = [
        row_of(settings, times, peak)
        for settings, times, peak in zip(all_settings, taken, peaks, strict=True)
    ]
    print(*rows, sep="\n", flush=True)
    return rows


def row_of(settings: dict, taken: list[float], peak: float) -> dict:
    """Sum up one number of clients; taken: seconds of a round, by turn."""
    n_images = settings["n_clients"] * settings["images"] * settings["local_epochs"]
    return {
        "clients": settings["n_clients"],
        "images_per_client": settings["images"],
        "local_epochs": settings["local_epochs"],
        "batch_size": settings["batch_size"],
        "training_ms_per_image": round(1000 * statistics.median(taken) / n_images, 4),
        "each_turn": [round(1000 * seconds / n_images, 4) for seconds in taken],
        "peak_mib": round(peak),
    }


def series(clients: list[int]) -> dict[str, list[dict]]:
    """List the settings of every series; a turn of each number of clients takes about as long."""
    most = max(clients)
    one_epoch = {**SMALL, "local_epochs": 1}
    return {
        "fixed_per_client": [
            {**one_epoch, "batch_size": 64, "n_clients": n, "images": 64, "rounds": most // n}
            for n in clients
        ],
        # 48 images for each of a thousand: 16 divides what each of 10 … 1,000 clients gets
        "fixed_in_all": [
            {**SMALL, "local_epochs": 4, "batch_size": 16, "n_clients": n,
             "images": 48 * most // n, "rounds": 1}
            for n in clients
        ],
        "one_step": [
            {**one_epoch, "batch_size": 16, "n_clients": n, "images": 16 * most // n, "rounds": 1}
            for n in clients
        ],
    }  # fmt: skip


def main() -> None:
    """Read the command line, measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="be one of the processes, with these settings, as JSON")
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()
    if arguments.only:
        train_when_told(json.loads(arguments.only))
        return
    result = {
        "device": describe(CPU),
        "torch": torch.__version__,
        **{key: SMALL[key] for key in ("model", "width")},
        "k_p": SMALL["personalization_layers"],
        "turns": arguments.turns,
        **{
            name: in_turn(settings, arguments.turns)
            for name, settings in series(arguments.clients).items()
        },
    }
    if arguments.out:
        write_text(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

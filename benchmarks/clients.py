"""Time per image as clients grow in number, from 10 to 1,000.

For a fixed number of images a client; for a fixed number of images in all, with the paper's four
local epochs; and for the worst case, in which each of a thousand clients takes a single step, so
that what a client costs besides its steps shows. All numbers of clients train the same model in
one process, in turn, there and back again, so that neither a slow minute of the machine nor where
a process happens to lie in memory makes one of them look slow.

    python benchmarks/clients.py --out results/benchmarks/clients.json
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

import torch
from fedper.device import describe, set_up_device
from fedper.federated import server_round
from fedper.files import write_text
from round_vs_loop import RUN, seconds, set_up

CLIENTS = (10, 30, 100, 300, 1000)
CPU = torch.device("cpu")
SMALL = {"model": "mobilenet_v1", "width": 0.25, "personalization_layers": 1}


def in_turn(all_settings: list[dict], n_turns: int) -> list[dict]:
    """Train ``n_turns`` times with each of the settings; say what each took.

    settings: of the run; images: of each client; rounds: how many to train at a time.
    """
    worlds = []
    for settings in all_settings:
        changes = {k: v for k, v in settings.items() if k not in ("images", "rounds")}
        run = replace(RUN, **changes)
        set_up_device("cpu", run)
        worlds.append((run, *set_up(run, settings["images"], CPU)))
    model = worlds[0][1]
    taken: list[list[float]] = [[] for _ in worlds]
    for turn in range(n_turns + 1):
        order = range(len(worlds)) if turn % 2 == 0 else range(len(worlds))[::-1]
        for number in order:
            run, _, base, clients = worlds[number]
            if turn == 0:  # warms up
                server_round(model, base, clients[:1], 1, replace(run, local_epochs=1))
                continue
            n_rounds = all_settings[number]["rounds"]
            times = [
                seconds(lambda b=base, c=clients, r=run: server_round(model, b, c, 1, r), CPU)
                for _ in range(n_rounds)
            ]
            taken[number].append(statistics.mean(times))
    rows = [row_of(*one) for one in zip(all_settings, taken, strict=True)]
    print(*rows, sep="\n", flush=True)
    return rows


def row_of(settings: dict, taken: list[float]) -> dict:
    """Sum up one number of clients; taken: seconds of a round, by turn."""
    n_images = settings["n_clients"] * settings["images"] * settings["local_epochs"]
    return {
        "clients": settings["n_clients"],
        "images_per_client": settings["images"],
        "local_epochs": settings["local_epochs"],
        "batch_size": settings["batch_size"],
        "training_ms_per_image": round(1000 * statistics.median(taken) / n_images, 4),
        "each_turn": [round(1000 * value / n_images, 4) for value in taken],
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
            {**one_epoch, "batch_size": 16, "n_clients": n, "images": 16 * (most // n), "rounds": 1}
            for n in clients
        ],
    }  # fmt: skip


def main() -> None:
    """Read the command line, measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()
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

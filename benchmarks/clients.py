"""Time per image as clients grow in number, from 10 to 1,000.

For a fixed number of images a client; for a fixed number of images in all, with the paper's four
local epochs; and for the worst case, in which each of a thousand clients takes a single step, so
that what a client costs besides its steps shows.

All numbers of clients train the same model in one process, in ten slices, in which the numbers take
turns: a slow minute of the machine slows all of them. So times are compared slice by slice, as
ratios to the first number.

    python benchmarks/clients.py --out results/benchmarks/clients.json
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from fedper.algorithm.federated import client_update
from fedper.algorithm.server import Server
from fedper.algorithm.state import Client, State
from fedper.errors import InputError
from fedper.exits import one_line_errors
from fedper.files import write_text
from fedper.job.machine import describe
from fedper.run import Run, change
from fedper.train.device import set_up_device
from round_vs_loop import RUN, set_up
from torch import nn

CLIENTS = (10, 30, 100, 300, 1000)
CPU = torch.device("cpu")
N_SLICES = 10
SMALL = {"model": "mobilenet_v1", "width": 0.25, "personalization_layers": 1}


def in_turn(all_settings: list[dict], n_turns: int) -> list[dict]:
    """Train with each of the settings, slice by slice; say what each took.

    settings: of the run; images: of each client; rounds: how many to train; together the rounds'
    clients are a multiple of N_SLICES.  n_turns: how often all of that.
    """
    model, plays = None, []
    for settings in all_settings:
        run = change(RUN, **{k: v for k, v in settings.items() if k not in ("images", "rounds")})
        set_up_device("cpu", run)
        if run.n_clients * settings["rounds"] % N_SLICES:
            raise InputError(f"{run.n_clients} clients cannot be dealt to {N_SLICES} slices")
        own, base, clients = set_up(run, settings["images"], CPU)
        model = model or own
        plays.append(play_without_end(model, run, base, clients))

    def ms_an_image(number: int) -> float:
        settings = all_settings[number]
        n_clients = settings["n_clients"] * settings["rounds"] // N_SLICES
        start = time.perf_counter()
        for _ in range(n_clients):
            next(plays[number])
        taken = time.perf_counter() - start
        return 1000 * taken / (n_clients * settings["images"] * settings["local_epochs"])

    numbers = range(len(plays))
    for number in numbers:
        ms_an_image(number)  # warms up
    slices: list[list[float]] = []  # for each slice, ms an image with each of the settings
    for turn in range(N_SLICES * n_turns):
        there_or_back = numbers if turn % 2 == 0 else reversed(numbers)
        taken = {number: ms_an_image(number) for number in there_or_back}
        slices.append([taken[number] for number in numbers])
    columns = list(zip(*slices, strict=True))
    rows = [row_of(*one, columns[0]) for one in zip(all_settings, columns, strict=True)]
    print(*rows, sep="\n", flush=True)
    return rows


def play_without_end(
    model: nn.Sequential, run: Run, base: State, clients: list[Client]
) -> Iterator[None]:
    """Play rounds as ``server_round`` does, and stop after every client."""
    while True:
        server = Server(base, clients[:])
        for client in clients:
            server.receive(client_update(model, server.download, client, 1, run))
            if client is clients[-1]:
                server.finish()
            yield


def row_of(settings: dict, times: list[float], firsts: list[float]) -> dict:
    """Sum up what one of the settings took; times, firsts: its ms an image and the first's.

    Both by slice; ``over_first`` has the quartiles of their ratios.
    """
    ratios = [one / first for one, first in zip(times, firsts, strict=True)]
    return {
        "model": settings["model"],
        "k_p": settings["personalization_layers"],
        "clients": settings["n_clients"],
        "images_per_client": settings["images"],
        "local_epochs": settings["local_epochs"],
        "batch_size": settings["batch_size"],
        "training_ms_per_image": round(statistics.median(times), 4),
        "over_first": [round(value, 3) for value in statistics.quantiles(ratios, n=4)],
    }


def series(clients: list[int]) -> dict[str, list[dict]]:
    """List the settings of every series; with each, about as many images are trained."""
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


@one_line_errors
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
        "width": SMALL["width"],
        "slices": N_SLICES * arguments.turns,
        **{
            name: in_turn(settings, arguments.turns)
            for name, settings in series(arguments.clients).items()
        },
    }
    if arguments.out:
        write_text(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Images trained per second by a federated round, against a plain PyTorch loop.

Both train the same model on the same batches, in one process, taking turns, so a slow moment of
the machine hits both. The loop knows nothing of federation: no messages, no aggregation. The
round is the engine's: every client receives the base, trains, sends it, and the server averages.
Evaluation, which the loop does not have, is timed apart.

    python benchmarks/round_vs_loop.py --out results/benchmarks/round_vs_loop.json
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from fedper.device import describe, set_up_device
from fedper.evaluate import evaluate_round
from fedper.federated import Client, initial_base, initial_personal, server_round
from fedper.files import write_text
from fedper.models import MODELS
from fedper.run import Run
from fedper.samples import Samples
from torch import nn
from torch.nn.functional import cross_entropy

RUN = Run(
    dataset="random", stand_in=None, n_clients=4, classes_per_client=10,
    train_images_per_class=0, test_images_per_class=0, model="", width=1.0, stem="imagenet",
    personalization_layers=2, rounds=1, local_epochs=4, batch_size=128, learning_rate=0.01,
    momentum=0.9, weight_decay=0.0, batchnorm_statistics="reestimated",
    evaluation_batch_size=500, threads=1, seed=0,
)  # fmt: skip


def random_samples(n: int, device: torch.device) -> Samples:
    """Make n random images of CIFAR's size."""
    images = torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, device=device)
    return Samples(
        images=images.contiguous(memory_format=torch.channels_last),
        labels=torch.randint(0, 10, (n,), device=device),
        mean=torch.full((1, 3, 1, 1), 0.5, device=device),
        sd=torch.full((1, 3, 1, 1), 0.25, device=device),
    )


def plain_loop(model: nn.Module, clients: list[Client], run: Run, layout: str) -> None:
    """Train on each client's samples in turn, as anybody would without federation."""
    memory_format = getattr(torch, layout)
    model.train()
    for client in clients:
        optimiser = torch.optim.SGD(
            model.parameters(), lr=run.learning_rate, momentum=run.momentum, fused=True
        )
        images, labels, mean, sd = (
            client.train.images, client.train.labels, client.train.mean, client.train.sd
        )  # fmt: skip
        for _ in range(run.local_epochs):
            for index in torch.randperm(len(labels)).to(labels.device).split(run.batch_size):
                batch = ((images[index].float() / 255 - mean) / sd).contiguous(
                    memory_format=memory_format
                )
                optimiser.zero_grad()
                cross_entropy(model(batch), labels[index]).backward()
                optimiser.step()


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Time one call, waiting for the GPU if there is one."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(name: str, arguments: argparse.Namespace, device: torch.device) -> dict:
    """Compare both for one model; speeds are images per second, the ratio a median of pairs."""
    run = replace(RUN, model=name, width=arguments.width, n_clients=arguments.clients,
                  threads=arguments.threads)  # fmt: skip
    model = MODELS[name](10, run.width, run.stem).to(device, memory_format=torch.channels_last)
    base = initial_base(model, run)
    clients = [
        Client(
            number,
            train=random_samples(arguments.images, device),
            test=random_samples(arguments.images // 2, device),
            personal=initial_personal(model, run, number),
        )
        for number in range(run.n_clients)
    ]
    loops = {}
    for layout in ("channels_last", "contiguous_format"):
        plain = MODELS[name](10, run.width, run.stem)
        plain.to(device, memory_format=getattr(torch, layout))
        loops[layout] = (plain, clients, run, layout)

    times: dict[str, list[float]] = {"round": [], "evaluation": [], **{key: [] for key in loops}}
    for repeat in range(arguments.repeats + 1):
        one_turn = {
            "channels_last": lambda: plain_loop(*loops["channels_last"]),
            "round": lambda: server_round(model, base, clients, 1, run),
            "contiguous_format": lambda: plain_loop(*loops["contiguous_format"]),
            "evaluation": lambda: evaluate_round(model, base, clients, run),
        }
        for key, work in one_turn.items():
            taken = seconds(work, device)
            if repeat > 0:  # the first turn warms up
                times[key].append(taken)

    n_images = run.n_clients * arguments.images * run.local_epochs
    speeds = {key: n_images / statistics.median(values) for key, values in times.items()}
    fastest = max(loops, key=lambda layout: speeds[layout])
    pairs = zip(times["round"], times[fastest], strict=True)
    return {
        "model": name,
        "round_images_per_s": round(speeds["round"], 1),
        "loop_images_per_s": {layout: round(speeds[layout], 1) for layout in loops},
        "fastest_loop": fastest,
        "round_over_fastest_loop": round(statistics.median(b / a for a, b in pairs), 3),
        "evaluation_over_round": round(
            statistics.median(times["evaluation"]) / statistics.median(times["round"]), 3
        ),
    }


def main() -> None:
    """Read the command line, measure both models, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--images", type=int, default=512, help="training images a client")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()

    device = set_up_device(arguments.device, arguments.threads)
    result = {
        "device": describe(device),
        "torch": torch.__version__,
        "threads": arguments.threads,
        "width": arguments.width,
        "clients": arguments.clients,
        "images_per_client": arguments.images,
        "local_epochs": RUN.local_epochs,
        "batch_size": RUN.batch_size,
        "repeats": arguments.repeats,
        "models": [measure(name, arguments, device) for name in MODELS],
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        write_text(arguments.out, text + "\n")


if __name__ == "__main__":
    main()

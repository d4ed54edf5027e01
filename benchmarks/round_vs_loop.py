"""Images trained per second by a federated round, against a plain PyTorch loop.

Both train the same model on the same batches, in one process, taking turns, so a slow moment of
the machine hits both. The loop knows nothing of federation: no messages, no aggregation; it is
measured in both of PyTorch's memory layouts, and with ``nn.Conv2d`` throughout where the model has
convolutions of its own. The round is the engine's: every client receives the base, trains, sends
it, and the server averages. Evaluation, which the loop does not have, is timed apart.

Two cores can be used by one process of two threads or by two processes of one thread each; both
are measured, one after the other.

    python benchmarks/round_vs_loop.py --out results/benchmarks/round_vs_loop.json
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from fedper.algorithm.convolution import MatmulConv2d
from fedper.algorithm.federated import server_round, welcome_base
from fedper.algorithm.models import build_model
from fedper.algorithm.samples import DeviceSplit, Samples
from fedper.algorithm.state import Client, State
from fedper.algorithm.weights import initial_base, initial_personal
from fedper.files import write_text
from fedper.job.machine import describe
from fedper.method import Method, Phase, Test
from fedper.names import MODELS, model_title
from fedper.randomness import seed_for
from fedper.run import Run, change
from fedper.train.device import set_up_device
from fedper.train.examiner import Examiner
from fedper.train.set_up import to_device
from torch import nn
from torch.nn.functional import cross_entropy

RUN = Run(
    dataset="cifar10", stand_in=None, n_clients=4, classes_per_client=10,
    samples={}, model="mobilenet_v1", width=1.0, stem="cifar",
    method=Method("FedPer", "last", 2, "full", (Phase("all", 4),), new_base=()),
    rounds=1, batch_size=128, learning_rate=0.01,
    momentum=0.9, weight_decay=0.0, optimiser_state="anew", pixels="centred", augmentation="none",
    initial_personal="same",
    tests=(Test("end", "averaged"), Test("end", "reestimated"), Test("end", "own"),
           Test("end", "test batch"), Test("before", "averaged")), other_tests_every=5,
    evaluation_batch_size=500, threads=1, precision="float32", deterministic=True, seed=0,
)  # fmt: skip


def random_split(n: int, seed: int, device: torch.device) -> DeviceSplit:
    """Draw n random images of CIFAR's size, with labels 0 … 9."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return DeviceSplit(
        images=images.to(device),
        labels=torch.randint(0, 10, (n,), generator=generator).to(device),
        mean=torch.full((1, 3, 1, 1), 0.5, device=device),
        sd=torch.full((1, 3, 1, 1), 0.25, device=device),
    )


def deal(split: DeviceSplit, n_clients: int) -> list[Samples]:
    """Give every client the same number of samples of a split."""
    rows = torch.arange(len(split.labels), device=split.labels.device)
    return [Samples(split, part) for part in rows.view(n_clients, -1)]


def plain_loop(model: nn.Module, clients: list[Client], run: Run) -> None:
    """Train on each client's samples in turn, as anybody would without federation."""
    is_nhwc = next(model.parameters()).is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if is_nhwc else torch.contiguous_format
    model.train()
    for client in clients:
        optimiser = torch.optim.SGD(
            model.parameters(), lr=run.learning_rate, momentum=run.momentum, fused=True
        )
        key = seed_for(run.seed, "batches", 1, client.number)  # the batches of the engine
        generator = torch.Generator().manual_seed(key)
        data = client.train.split
        for _ in range(run.method.train[0].epochs):
            order = torch.randperm(len(client.train), generator=generator).to(data.labels.device)
            for index in client.train.rows[order].split(run.batch_size):
                images = data.images[index].to(torch.float32, memory_format=layout)
                images = images.div_(255).sub_(data.mean).div_(data.sd)
                optimiser.zero_grad()
                cross_entropy(model(images), data.labels[index]).backward()
                optimiser.step()


def whole_round(
    model: nn.Sequential, base: State, clients: list[Client], round_: int, run: Run
) -> None:
    """Play a round with the tests that are due in it."""
    examiner, clients = Examiner(round_, change(run, rounds=round_ + 1)), clients[:]
    base, _ = server_round(model, base, clients, round_, run, examiner)
    welcome_base(model, base, clients, round_, run, examiner)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Time one call, waiting for the GPU if there is one."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def set_up(
    run: Run, n_images: int, device: torch.device
) -> tuple[nn.Sequential, State, list[Client]]:
    """Make a model, its initial base, and clients with ``n_images`` random images each."""
    model = build_model(run.model, 10, run.width, run.stem).to(memory_format=torch.channels_last)
    base = to_device(initial_base(model, run), device)
    train = deal(random_split(n_images * run.n_clients, 0, device), run.n_clients)
    test = deal(random_split(n_images // 2 * run.n_clients, 1, device), run.n_clients)
    clients = [
        Client(
            number,
            train[number],
            test[number],
            to_device(initial_personal(model, run, number), device),
        )
        for number in range(run.n_clients)
    ]
    return model.to(device), base, clients


def with_plain_convolutions(model: nn.Sequential) -> nn.Sequential:
    """Let every convolution of ``model`` be computed as PyTorch does."""
    for module in model.modules():
        if isinstance(module, MatmulConv2d):
            module.__class__ = nn.Conv2d
    return model


LOOPS: dict[str, Callable[[nn.Sequential], nn.Sequential]] = {
    "channels_last": lambda model: model,
    "contiguous_format": lambda model: model.to(memory_format=torch.contiguous_format),
    "nn_conv2d": with_plain_convolutions,
}
"""What a loop trains, made of the engine's model."""


TESTED, TURNS_WITH_TESTS = ("evaluation", "all_tests"), 2
"""What takes long and is compared with nothing closely is measured in the first turns only."""


def measure(run: Run, n_images: int, repeats: int, device: torch.device, names: list[str]) -> dict:
    """Compare both for one model; speeds are images per second, the ratio a median of pairs."""
    model, base, clients = set_up(run, n_images, device)
    loops = {name: LOOPS[name](deepcopy(model)) for name in names}
    turn: dict[str, Callable[[list[Client]], object]] = {
        "round": lambda clients: server_round(model, base, clients[:], 1, run),
        **{
            name: lambda clients, m=loop: plain_loop(m, clients, run)
            for name, loop in loops.items()
        },
        "evaluation": lambda clients: whole_round(model, base, clients, 1, run),
        "all_tests": lambda clients: whole_round(model, base, clients, run.other_tests_every, run),
    }
    for work in turn.values():
        work(clients[:1])  # warms up
    turns = [
        {
            key: seconds(lambda w=work: w(clients), device)
            for key, work in turn.items()
            if key not in TESTED or number < TURNS_WITH_TESTS
        }
        for number in range(repeats)
    ]
    times = {key: [taken[key] for taken in turns if key in taken] for key in turn}

    median = {key: statistics.median(values) for key, values in times.items()}
    trained = run.n_clients * n_images * run.method.train[0].epochs
    fastest = min(loops, key=lambda layout: median[layout])
    ratios = [a / b for a, b in zip(times[fastest], times["round"], strict=True)]
    return {
        "model": run.model,
        "width": run.width,
        "clients": run.n_clients,
        "images_per_client": n_images,
        "round_images_per_s": round(trained / median["round"], 1),
        "loop_images_per_s": {layout: round(trained / median[layout], 1) for layout in loops},
        "fastest_loop": fastest,
        "round_over_fastest_loop": round(statistics.median(ratios), 3),
        "evaluation_over_training": round(median["evaluation"] / median["round"] - 1, 3),
        "other_tests_share": round(
            (median["all_tests"] / median["evaluation"] - 1) / run.other_tests_every, 4
        ),
    }


@dataclass(frozen=True)
class Case:
    """What is measured: a model of some width, clients, and training images a client."""

    model: str
    width: float
    clients: int
    images: int

    @classmethod
    def read(cls, text: str) -> "Case":
        """Read "model:width:clients:images"; ValueError for other texts."""
        model, width, clients, images = text.split(":")
        if model not in MODELS:
            raise ValueError(f"{model}: no model")
        return cls(model, float(width), int(clients), int(images))

    def __str__(self) -> str:
        """Write it as it is read."""
        return f"{self.model}:{self.width:g}:{self.clients}:{self.images}"


CASES = [Case("mobilenet_v1", 1, 4, 256), Case("resnet34", 1, 2, 128),
         Case("mobilenet_v1", 0.25, 4, 512), Case("resnet34", 0.25, 4, 256)]  # fmt: skip


def measure_here(arguments: argparse.Namespace) -> list[dict]:
    """Measure all cases in this process."""
    measured = []
    for case in arguments.cases:
        run = change(
            RUN, model=case.model, width=case.width, stem=arguments.stem, n_clients=case.clients,
            threads=arguments.threads,
        )  # fmt: skip
        device = set_up_device(arguments.device, run)
        measured.append(measure(run, case.images, arguments.repeats, device, arguments.loops))
    return measured


def measure_beside_each_other(n_processes: int, threads: int, arguments: list[str]) -> list[dict]:
    """Measure in processes that run at the same time; speeds are their sums, ratios the means."""
    command = [sys.executable, __file__, *arguments, "--threads", str(threads), "--here"]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        for _ in range(n_processes)
    ]
    results = [json.loads(process.communicate()[0]) for process in processes]
    together = []
    for parts in zip(*results, strict=True):
        loops = parts[0]["loop_images_per_s"]
        together.append(
            {
                **{
                    key: parts[0][key] for key in ("model", "width", "clients", "images_per_client")
                },
                "processes": n_processes,
                "threads": threads,
                "round_images_per_s": round(sum(part["round_images_per_s"] for part in parts), 1),
                "loop_images_per_s": {
                    name: round(sum(part["loop_images_per_s"][name] for part in parts), 1)
                    for name in loops
                },
                "round_over_fastest_loop": round(
                    statistics.mean(part["round_over_fastest_loop"] for part in parts), 3
                ),
                **{
                    name: round(statistics.mean(part[name] for part in parts), 4)
                    for name in ("evaluation_over_training", "other_tests_share")
                },
            }
        )
    return together


def best_over_best(rows: list[dict]) -> dict[str, float]:
    """Divide, for each model and width, the engine's best speed by the best of any plain loop."""
    ratios = {}
    for model, width in dict.fromkeys((row["model"], row["width"]) for row in rows):
        mine = [row for row in rows if (row["model"], row["width"]) == (model, width)]
        loops = [speed for row in mine for speed in row["loop_images_per_s"].values()]
        ratios[f"{model_title(model)}, width {width:g}"] = round(
            max(row["round_images_per_s"] for row in mine) / max(loops), 3
        )
    return ratios


def main() -> None:
    """Read the command line, measure all cases, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases = "model:width:clients:training images a client, of each"
    parser.add_argument("--cases", nargs="+", type=Case.read, default=CASES, help=cases)
    parser.add_argument("--loops", nargs="+", choices=LOOPS, default=list(LOOPS))
    parser.add_argument("--ways", nargs="+", default=["1x2", "2x1"], help="processes x threads")
    parser.add_argument("--stem", choices=("imagenet", "cifar"), default=RUN.stem)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--here", action="store_true", help="only this process, with --threads")
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(measure_here(arguments)))
        return

    given = ("stem", "repeats", "device")
    passed = [word for name in given for word in (f"--{name}", str(getattr(arguments, name)))]
    passed += ["--cases", *map(str, arguments.cases), "--loops", *arguments.loops]
    rows = [
        row
        for processes, threads in (map(int, way.split("x")) for way in arguments.ways)
        for row in measure_beside_each_other(processes, threads, passed)
    ]
    result = {
        "device": describe(set_up_device(arguments.device, RUN)),
        "torch": torch.__version__,
        "stem": arguments.stem,
        "local_epochs": RUN.method.train[0].epochs,
        "batch_size": RUN.batch_size,
        "repeats": arguments.repeats,
        "best_round_over_best_loop": best_over_best(rows),
        "rows": rows,
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        write_text(arguments.out, text + "\n")


if __name__ == "__main__":
    main()

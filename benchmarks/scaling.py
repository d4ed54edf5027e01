"""Memory as clients grow in number, speed over K_P, and what a run's time goes into.

Peak memory with 10 and with 1,000 clients at full width, each in a process of its own; time over
the number of personalization layers, which take turns as in clients.py; the shares of training,
aggregation, evaluation and checkpoints in a run, and its start-up. (How time grows with the number
of clients: clients.py.)

    python benchmarks/scaling.py --out results/benchmarks/scaling.json
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import kill_and_resume
import torch
from clients import CPU, N_SLICES, in_turn
from fedper.algorithm import federated
from fedper.algorithm.federated import client_update, server_round, welcome_base
from fedper.files import write_text
from fedper.job.checkpoint import Checkpoints
from fedper.job.machine import describe
from fedper.job.progress import Progress
from fedper.job.simulate import play_rounds
from fedper.names import MODELS
from fedper.run import Run, change
from fedper.train.device import set_up_device
from fedper.train.examiner import Examiner
from round_vs_loop import RUN, seconds, set_up

CLIENTS = (10, 1000)


def measure_clients(settings: dict) -> dict:
    """Play a round of training, and evaluate; peak memory is that of this process."""
    n_images = settings.pop("images")
    run = change(RUN, **settings)
    set_up_device("cpu", run)
    model, base, clients = set_up(run, n_images, CPU)
    before = peak_mib()
    server_round(model, base, clients[:2], 1, run)  # warms up
    base, _ = server_round(model, base, clients, 1, run)
    with tempfile.TemporaryDirectory() as folder:  # its memory counts too
        checkpointed = Progress(base, clients, timing=[{}])
        Checkpoints(Path(folder), {}).save(checkpointed)
    tested = clients[:100]
    evaluation = seconds(lambda: welcome_base(model, base, tested, 1, run, Examiner(1, run)), CPU)
    return {
        "model": run.model,
        "width": run.width,
        "clients": run.n_clients,
        "images_per_client": n_images,
        "batch_size": run.batch_size,
        "k_p": run.method.personalization_layers,
        "evaluation_ms_per_client": round(1000 * evaluation / len(tested), 2),
        "peak_mib": round(peak_mib()),
        "before_training_mib": round(before),
    }


def k_p_series(model: str, values: tuple[int, ...]) -> list[dict]:
    """List the settings of a run over the number of personalization layers."""
    size = {"n_clients": N_SLICES, "local_epochs": 2, "batch_size": 128, "images": 128}
    return [{**size, "model": model, "personalization_layers": k_p, "rounds": 1} for k_p in values]


def measure_shares(settings: dict) -> dict:
    """Take the time of a run of two rounds apart; all in seconds, with a checkpoint a round.

    One way of testing; what the others cost is in round_vs_loop.py.
    """
    run = change(RUN, rounds=2, n_clients=10, tests=RUN.tests[:1], **settings)
    set_up_device("cpu", run)
    model, base, clients = set_up(run, 128, CPU)
    spent: dict[str, float] = {"client_update": 0.0}

    def timed(*arguments):
        with watch(spent, "client_update"):
            return client_update(*arguments)

    progress = Progress(base, clients)
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(federated, "client_update", timed),
    ):
        play_rounds(run, model, progress, lambda line: None, Checkpoints(Path(folder), {}))
    rounds = sum(row["training_s"] for row in progress.timing)
    return {
        "model": run.model,
        "k_p": run.method.personalization_layers,
        "training_s": round(spent["client_update"], 3),
        "aggregation_s": round(rounds - spent["client_update"], 3),
        "evaluation_s": round(sum(row["evaluation_s"] for row in progress.timing), 3),
        "checkpoints_s": round(sum(row["checkpoint_s"] for row in progress.timing), 3),
    }


@contextmanager
def watch(spent: dict[str, float], name: str):
    """Add the time of a block to ``spent[name]``."""
    start = time.perf_counter()
    yield
    spent[name] += time.perf_counter() - start


def measure_start_up(repeats: int) -> dict:
    """Time ``train.py`` on next to nothing, less its rounds: import, data, model, writing."""
    taken = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kill_and_resume.make_data(folder)
        run: Run = replace(kill_and_resume.SMALL, width=1.0, rounds=1)
        for number in range(repeats):
            out = folder / str(number)
            whole = kill_and_resume.train(folder, run, out)
            round_ = (out / "timing.csv").read_text().splitlines()[1].split(",")[1:]
            taken.append(whole - sum(map(float, round_)))
    return {"start_up_s": round(statistics.median(taken), 2), "repeats": repeats}


def peak_mib() -> float:
    """Return the peak of this process's resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(measure: str, settings: dict) -> dict:
    """Call a measurement of this module in a process of its own."""
    command = [sys.executable, __file__, "--only", measure, json.dumps(settings)]
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    result = json.loads(done.stdout)
    print(result, flush=True)
    return result


def all_measurements(clients: list[int]) -> dict:
    """Measure everything."""
    whole = {"personalization_layers": 1, "local_epochs": 1, "images": 2}
    return {
        "device": describe(CPU),
        "torch": torch.__version__,
        "memory": [
            apart("clients", {**whole, "n_clients": n, "model": model})
            for model in MODELS
            for n in clients
        ],
        "k_p": [
            row
            for model, n_layers in MODELS.items()
            for row in in_turn(k_p_series(model, (0, 1, 2, 4, n_layers)), n_turns=2)
        ],
        "shares": [apart("shares", {"model": model}) for model in MODELS],
        "start_up": measure_start_up(5),
    }


def main() -> None:
    """Read the command line, measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs=2, help="one measurement and its settings, as JSON")
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--out", type=Path, help="JSON file to write (default: only print)")
    arguments = parser.parse_args()
    if arguments.only:
        measure = {"clients": measure_clients, "shares": measure_shares}[arguments.only[0]]
        print(json.dumps(measure(json.loads(arguments.only[1]))))
        return
    result = all_measurements(arguments.clients)
    if arguments.out:
        write_text(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

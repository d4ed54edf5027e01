"""Train one run and write its history.csv, timing.csv and run.json.

Exit status 75 says that the run stopped at its time limit, or at SIGTERM, and that the same command
goes on from its checkpoint.
"""

import argparse
from contextlib import nullcontext
from math import inf
from pathlib import Path

from fedper.data.stored import load_dataset, read_partition
from fedper.errors import InputError
from fedper.exits import one_line_errors, say
from fedper.job.card import own_card
from fedper.job.checkpoint import Checkpoints, kept_in
from fedper.job.limit import Limit
from fedper.job.record import conditions, write_run
from fedper.job.simulate import simulate
from fedper.plan.run_file import read_run
from fedper.train.device import set_up_device


def time(text: str) -> float:
    """Read an amount of time."""
    value = float(text)
    if not 0 <= value < inf:
        raise ValueError
    return value


@one_line_errors
def main() -> None:
    """Read the command line and the inputs, simulate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="settings as JSON, or an earlier run.json")
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument("--partition", type=Path, required=True, help="partition of that data set")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--runs-per-card", type=int, default=1, help="at a time (default: 1)")
    parser.add_argument(
        "--checkpoints", type=Path, help="folder of this run alone, to go on from if it is killed"
    )
    parser.add_argument(
        "--checkpoint-seconds", type=time, default=60, help="least time between two (default: 60)"
    )
    parser.add_argument(
        "--minutes", type=time, help="stop before a round that would not fit (default: no limit)"
    )
    parser.add_argument(
        "--elsewhere", action="store_true", help="go on from a checkpoint of another machine"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the three files")
    arguments = parser.parse_args()
    folder, every_s = arguments.checkpoints, arguments.checkpoint_seconds
    if arguments.minutes is not None and folder is None:
        raise InputError("--minutes: a run that stops goes on from a checkpoint; add --checkpoints")

    limit = Limit(arguments.minutes)
    run = read_run(arguments.run)
    dataset = load_dataset(arguments.data)
    partition = read_partition(arguments.partition)
    heeding = limit.heeding_sigterm() if folder else nullcontext()
    with own_card(arguments.device, arguments.runs_per_card):
        device = set_up_device(arguments.device, run)
        about = conditions(run, dataset, partition, device)
        with kept_in(folder), heeding:
            checkpoints = (
                Checkpoints(folder, about, every_s, arguments.elsewhere) if folder else None
            )
            progress = simulate(run, dataset, partition, device, say, checkpoints, limit)
            about["machines"] = progress.machines
            write_run(arguments.out, about, progress.history, progress.timing)


if __name__ == "__main__":
    main()

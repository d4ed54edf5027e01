"""Train one run and write its history.csv, timing.csv and run.json.

Exit status 75 says that the run stopped at its time limit, or at SIGTERM, and that the same command
goes on from its checkpoint.
"""

import argparse
from contextlib import nullcontext
from pathlib import Path

from fedper.data.stored import load_dataset, read_partition
from fedper.errors import InputError
from fedper.exits import one_line_errors, say
from fedper.job.card import own_card
from fedper.job.command_line import add_training_options, training_options
from fedper.job.limit import Limit
from fedper.job.simulate import train_run
from fedper.plan.run_file import read_run


@one_line_errors
def main() -> None:
    """Read the command line and the inputs, simulate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="settings as JSON, or an earlier run.json")
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument("--partition", type=Path, required=True, help="partition of that data set")
    add_training_options(parser)
    parser.add_argument("--runs-per-card", type=int, default=1, help="at a time (default: 1)")
    parser.add_argument(
        "--checkpoints", type=Path, help="folder of this run alone, to go on from if it is killed"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the three files")
    arguments = parser.parse_args()
    folder = arguments.checkpoints
    if arguments.minutes is not None and folder is None:
        raise InputError("--minutes: a run that stops goes on from a checkpoint; add --checkpoints")

    limit, options = Limit(arguments.minutes), training_options(arguments)
    run = read_run(arguments.run)
    dataset = load_dataset(arguments.data)
    partition = read_partition(arguments.partition)
    heeding = limit.heeding_sigterm() if folder else nullcontext()
    with own_card(options.device, arguments.runs_per_card), heeding:
        train_run(run, dataset, partition, options, limit, say, arguments.out, folder)


if __name__ == "__main__":
    main()

"""Train one run and write its history.csv, timing.csv and run.json."""

import argparse
from functools import partial
from pathlib import Path

from fedper.data.dataset import load_dataset
from fedper.data.partition import read_partition
from fedper.errors import one_line_errors
from fedper.run import Run
from fedper.train.checkpoint import kept_in
from fedper.train.device import set_up_device
from fedper.train.record import conditions, write_run
from fedper.train.simulate import simulate


@one_line_errors
def main() -> None:
    """Read the command line and the inputs, simulate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="settings as JSON, or an earlier run.json")
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument("--partition", type=Path, required=True, help="partition of that data set")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument(
        "--concurrent-clients", type=int, default=1, help="on CUDA: clients that train at once"
    )
    parser.add_argument(
        "--checkpoints", type=Path, help="folder of this run alone, to go on from if it is killed"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the three files")
    arguments = parser.parse_args()

    run = Run.from_json(arguments.run)
    dataset = load_dataset(arguments.data)
    partition = read_partition(arguments.partition)
    device = set_up_device(arguments.device, run)
    about = conditions(run, dataset.provenance, device)
    with kept_in(arguments.checkpoints):
        history, timing = simulate(
            run, dataset, partition, device, partial(print, flush=True),
            arguments.concurrent_clients, arguments.checkpoints,
        )  # fmt: skip
        write_run(arguments.out, about, history, timing)


if __name__ == "__main__":
    main()

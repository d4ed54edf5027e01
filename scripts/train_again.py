"""Train finished runs of a configuration again, and compare with what is there.

On the same kind of processor, with the same versions, a history should have the same bytes. On
another sums are rounded otherwise, so the difference in accuracy is what rounding alone does.
"""

import argparse
import tempfile
from pathlib import Path

from fedper.errors import InputError
from fedper.exits import one_line_errors, say
from fedper.job.card import own_card
from fedper.job.limit import Limit
from fedper.job.many import Folders, Shelf
from fedper.job.simulate import Options, train_run
from fedper.plan.config import read_config
from fedper.plan.experiments import all_runs
from fedper.plan.inputs import partitions_of_runs
from fedper.results.again import compare, note
from fedper.run import Run


@one_line_errors
def main() -> None:
    """Read the command line, train, compare; add each run to the table at once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, help="configuration of the scale")
    parser.add_argument("runs", nargs="+", help="names of finished runs")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--raw", type=Path, default=Path("data/raw"), help="folder for raw files")
    parser.add_argument("--out", type=Path, required=True, help="CSV file to add a line to")
    arguments = parser.parse_args()

    config = read_config(arguments.config)
    folders = Folders(config["scale"])
    runs = [finished(name, config, folders) for name in arguments.runs]
    partitions, shelf = partitions_of_runs(config), Shelf(folders, arguments.raw)
    for run in runs:
        planned = partitions[run.name]
        with tempfile.TemporaryDirectory() as temporary, own_card(arguments.device, 1):
            here = Path(temporary) / run.name
            train_run(
                run, shelf.dataset(planned.data), shelf.partition(planned),
                Options(arguments.device, 0, elsewhere=False), Limit(None), say, here, None,
            )  # fmt: skip
            found = compare(folders.scale, folders.run(run), here)
        note(found, arguments.out)
        same = "the same bytes" if found.same_bytes else "other bytes"
        say(f"{run.name}: {same}; {found.accuracy_there:.4f} there, {found.accuracy_here:.4f} here")


def finished(name: str, config: dict, folders: Folders) -> Run:
    """Find a run that is there and of this code; InputError if it is not."""
    runs = all_runs(config)
    if name not in runs:
        raise InputError(f"{name}: no run of this configuration")
    if not folders.is_finished(runs[name]):
        raise InputError(f"{name}: not there, or not by this code; train it first")
    return runs[name]


if __name__ == "__main__":
    main()

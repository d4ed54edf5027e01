"""Train as many runs of a configuration as fit into some minutes, the most telling first.

For a machine that is lent for minutes: no Snakemake, DVC or Git is needed, only PyTorch, NumPy,
pandas, PyArrow, Pillow, safetensors, filelock and PyYAML. The same command goes on where it
stopped; what it leaves, or its archive, is what `make bring` takes.
"""

import argparse
from pathlib import Path

from fedper.exits import one_line_errors, say
from fedper.job.archive import pack
from fedper.job.card import device_here, own_card
from fedper.job.command_line import add_training_options, amount, training_options
from fedper.job.limit import Limit
from fedper.job.many import (
    Folders,
    Shelf,
    Wanted,
    clock,
    in_order,
    minutes_of,
    train_in_order,
)
from fedper.names import MODELS, dataset_title, model_title
from fedper.plan.config import read_config
from fedper.plan.demands import expected_minutes
from fedper.plan.inputs import partitions_of_runs
from fedper.run import Run


@one_line_errors
def main() -> None:
    """Read the command line, train or list, pack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, help="configuration of the scale")
    add_training_options(parser)
    parser.add_argument("--figures", nargs="+", help="only their runs; or: multiverse")
    parser.add_argument("--datasets", nargs="+", help="only runs on these")
    parser.add_argument("--models", nargs="+", choices=MODELS, help="only runs of these")
    parser.add_argument("--seeds", nargs="+", type=int, help="only runs of these")
    parser.add_argument("--raw", type=Path, default=Path("data/raw"), help="folder for raw files")
    parser.add_argument("--dry-run", action="store_true", help="only list the runs, in order")
    parser.add_argument("--pack", type=Path, help="archive (.tar.gz) to write in the end")
    parser.add_argument("--pack-mib", type=amount, default=15, help="its size, with checkpoints")
    arguments = parser.parse_args()

    config = read_config(arguments.config)
    wanted = Wanted(arguments.figures, arguments.datasets, arguments.models, arguments.seeds)
    runs, folders = in_order(config, wanted), Folders(config["scale"])
    if arguments.dry_run:
        list_runs(runs, folders, arguments.device)
        return

    limit = Limit(arguments.minutes)
    until = "" if arguments.minutes is None else f", until {clock(arguments.minutes)}"
    finished = [run for run in runs if folders.is_finished(run)]
    say(f"{len(runs)} runs, {len(finished)} of them finished{until}")

    def show(line: str) -> None:
        say(line + until)

    shelf, options = Shelf(folders, arguments.raw), training_options(arguments)
    with own_card(options.device, 1), limit.heeding_sigterm():
        done, cut = train_in_order(runs, partitions_of_runs(config), shelf, options, limit, show)
    say(f"runs trained: {len(done)}, left: {len(runs) - len(finished) - len(done)}")
    if arguments.pack is not None:
        all_done = [run for run in runs if folders.is_finished(run)]
        say(pack(all_done, cut, folders, arguments.pack, arguments.pack_mib))


def list_runs(runs: list[Run], folders: Folders, device: str) -> None:
    """Print the runs in order, with the minutes that each should take, and what is left.

    Minutes are those of finished runs of the same data set and model, or else (about) as expected
    of other machines.
    """
    finished = [run for run in runs if folders.is_finished(run)]
    device = device_here(device)
    total = 0.0
    for number, run in enumerate(runs, start=1):
        minutes, about = minutes_of(run, finished, folders), ""
        if minutes is None:
            minutes, about = expected_minutes(run, device), "about "
        state = f"{about}{minutes:.1f} min"
        if run in finished:
            minutes, state = 0, "finished"
        total += minutes
        k = "" if run.classes_per_client is None else f", k = {run.classes_per_client}"
        k_p = run.method.personalization_layers
        say(
            f"{number:4d}  {state:>16}  {dataset_title(run.dataset)}{k}, {model_title(run.model)}, "
            f"{run.method.name}, K_P = {k_p}, seed {run.seed}"
        )
    measured = "an NVIDIA H200" if device == "cuda" else "a core of an AMD EPYC"
    say(f"{len(runs) - len(finished)} runs left, {total / 60:.1f} h; about: as on {measured}")


if __name__ == "__main__":
    main()

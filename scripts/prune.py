"""Remove runs, partitions and checkpoints that a scale's configuration asks for no more."""

import argparse
import shutil
from pathlib import Path

from fedper.keep.stages import read_config
from fedper.errors import one_line_errors
from fedper.plan.experiments import all_runs, partition_file, partitions_drawn


@one_line_errors
def main() -> None:
    """Read the command line, list what nobody asks for, and remove it if told to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")
    parser.add_argument("--remove", action="store_true", help="without it, only list")
    arguments = parser.parse_args()

    config = read_config(arguments.config)
    for path in not_asked_for(config):
        print("removed" if arguments.remove else "not asked for", path)
        if arguments.remove:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def not_asked_for(config: dict) -> list[Path]:
    """List folders of runs and of checkpoints, and partitions, that ``config`` does not name."""
    runs = all_runs(config)
    partitions = {
        partition_file(dataset, k, seed)
        for dataset in config["datasets"]
        for k, seed in partitions_drawn(config, dataset)
    }
    results, checkpoints = (Path(top) / config["scale"] for top in ("results", "checkpoints"))
    found = [
        *results.glob("runs/*"),
        *results.glob("partitions/*.json"),
        *checkpoints.glob("*"),
    ]
    return sorted(path for path in found if path.name not in runs and path.name not in partitions)


if __name__ == "__main__":
    main()

"""Remove runs, figures, data and checkpoints that a scale's configuration does not ask for."""

import argparse
from pathlib import Path

from fedper.exits import one_line_errors
from fedper.keep.pruning import prune
from fedper.plan.config import read_config


@one_line_errors
def main() -> None:
    """Read the command line, list what nobody asks for, and remove it if told to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")
    parser.add_argument("--remove", action="store_true", help="without it, only list")
    arguments = parser.parse_args()

    for path in prune(read_config(arguments.config), arguments.remove):
        print("removed" if arguments.remove else "not asked for", path)


if __name__ == "__main__":
    main()

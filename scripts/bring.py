"""Bring in runs that were computed elsewhere, after checking that they are what is asked for."""

import argparse
import sys
from pathlib import Path

from fedper.errors import InputError
from fedper.exits import one_line, one_line_errors
from fedper.keep.bringing import bring
from fedper.plan.config import read_config


@one_line_errors
def main() -> None:
    """Read the command line, say of each run whether it was brought."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")
    parser.add_argument("source", type=Path, help="folder of runs, or archive of train_many.py")
    arguments = parser.parse_args()

    refused = 0
    for done in bring(read_config(arguments.config), arguments.source):
        if isinstance(done, InputError):
            refused += 1
            print(f"error: {one_line(done)}", file=sys.stderr)
        else:
            print(done)
    sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()

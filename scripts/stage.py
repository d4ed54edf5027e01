"""Run one stage of a dvc.yaml: Snakemake decides what is out of date."""

import argparse
import sys
from pathlib import Path

from fedper.exits import one_line_errors
from fedper.keep.stages import run_stage


@one_line_errors
def main() -> None:
    """Read the command line, run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")
    parser.add_argument("targets", nargs="+", help="rules: prepared, partitions, runs or all")
    arguments = parser.parse_args()

    sys.exit(run_stage(arguments.config, arguments.targets))


if __name__ == "__main__":
    main()

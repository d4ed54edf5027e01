"""Take what `dvc pull` brought as made here, after reading every byte of it."""

import argparse
import sys
from pathlib import Path

from fedper.exits import one_line_errors
from fedper.keep.kept import adopt


@one_line_errors
def main() -> None:
    """Read the command line, check, tell Snakemake that all is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")

    sys.exit(adopt(parser.parse_args().config))


if __name__ == "__main__":
    main()

"""Make Table 1, accuracy in the last round, from the runs of a scale."""

import argparse
from pathlib import Path

from fedper.errors import one_line_errors
from fedper.results import read_clients
from fedper.tables import final_accuracy, save_table1


@one_line_errors
def main() -> None:
    """Read the command line and the runs, sum up, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of runs")
    parser.add_argument("--note", required=True, help="what data and scale this shows")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    arguments = parser.parse_args()

    save_table1(final_accuracy(read_clients(arguments.runs)), arguments.note, arguments.out)


if __name__ == "__main__":
    main()

"""Draw one figure of the paper from its runs, with the points behind it as CSV."""

import argparse
from pathlib import Path

from fedper.errors import one_line_errors
from fedper.figures import DRAW
from fedper.files import write_text
from fedper.plotting import save_figure
from fedper.results import mean_over_clients, read_clients


@one_line_errors
def main() -> None:
    """Read the command line and the runs, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", choices=sorted(DRAW))
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of runs")
    parser.add_argument("--note", required=True, help="what data and scale this shows")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    arguments = parser.parse_args()

    curves = mean_over_clients(read_clients(arguments.runs))
    save_figure(DRAW[arguments.figure](curves, arguments.note), arguments.out)
    write_text(arguments.out.with_suffix(".csv"), curves.to_csv(index=False))


if __name__ == "__main__":
    main()

"""Compile the report on a scale."""

import argparse
from pathlib import Path

from fedper.errors import one_line_errors
from fedper.report import compile_report


@one_line_errors
def main() -> None:
    """Read the command line, compile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="paper/report.typ")
    parser.add_argument("--results", type=Path, required=True, help="folder of the scale")
    parser.add_argument("--figures", nargs="*", required=True, help="their names")
    parser.add_argument("--out", type=Path, required=True, help="the PDF")
    arguments = parser.parse_args()

    compile_report(arguments.source, arguments.results, arguments.figures, arguments.out)


if __name__ == "__main__":
    main()

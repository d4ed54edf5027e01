"""Compile the report on a scale."""

import argparse
import json
from pathlib import Path

from fedper.errors import one_line_errors
from fedper.report.pdf import compile_report


@one_line_errors
def main() -> None:
    """Read the command line, compile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="paper/report.typ")
    parser.add_argument("--results", type=Path, required=True, help="folder of the scale")
    parser.add_argument("--figures", required=True, help="names and data shown, as JSON")
    parser.add_argument("--out", type=Path, required=True, help="the PDF")
    arguments = parser.parse_args()

    figures = json.loads(arguments.figures)
    compile_report(arguments.source, arguments.results, figures, arguments.out)


if __name__ == "__main__":
    main()

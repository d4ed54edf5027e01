"""Compile the report on a scale."""

import argparse
import json
from pathlib import Path

from fedper.exits import one_line_errors
from fedper.plan.yaml_files import read_yaml
from fedper.report.pdf import compile_report, list_figures


@one_line_errors
def main() -> None:
    """Read the command line, list the figures that are there, compile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="paper/report.typ")
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument("--figures", type=Path, required=True, help="paper/figures.yaml")
    parser.add_argument("--captions", type=Path, required=True, help="paper/captions.yaml")
    parser.add_argument("--results", type=Path, required=True, help="folder of the scale")
    parser.add_argument("--out", type=Path, required=True, help="the PDF")
    arguments = parser.parse_args()

    config = json.loads(arguments.config)
    figures, captions = read_yaml(arguments.figures), read_yaml(arguments.captions)
    shown = list_figures(config, figures, captions, arguments.results / "figures")
    compile_report(arguments.source, arguments.results, shown, arguments.out)


if __name__ == "__main__":
    main()

"""Make Table 3: the settings of a configuration beside the paper's."""

import argparse
import json
from pathlib import Path

from fedper.exits import one_line_errors
from fedper.plan.yaml_files import read_yaml
from fedper.report.settings import table3
from fedper.report.table_files import write_table


@one_line_errors
def main() -> None:
    """Read the command line, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument("--reference", type=Path, required=True, help="paper/settings.yaml")
    parser.add_argument("--figures", type=Path, required=True, help="paper/figures.yaml")
    parser.add_argument("--note", required=True, help="what data and scale this shows")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    arguments = parser.parse_args()

    reference, figures = read_yaml(arguments.reference), read_yaml(arguments.figures)
    table = table3(json.loads(arguments.config), reference, figures)
    write_table(table, arguments.note, arguments.out)


if __name__ == "__main__":
    main()

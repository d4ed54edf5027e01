"""Write the table of all keys into config/README.md, from paper/settings.yaml."""

import argparse
from pathlib import Path

from fedper.exits import one_line_errors
from fedper.files import write_text
from fedper.plan.yaml_files import read_yaml
from fedper.report.readme import write_keys


@one_line_errors
def main() -> None:
    """Read the command line and both files, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path, required=True, help="paper/settings.yaml")
    parser.add_argument("--readme", type=Path, required=True, help="config/README.md")
    arguments = parser.parse_args()

    readme = arguments.readme.read_text(encoding="utf-8")
    write_text(arguments.readme, write_keys(readme, read_yaml(arguments.reference)))


if __name__ == "__main__":
    main()

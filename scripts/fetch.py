"""Bring a data set, or the stand-in for it, into canonical form."""

import argparse
import json
from pathlib import Path

from fedper.data.dataset import save_dataset
from fedper.data.sources import describe_dataset, prepare_dataset
from fedper.errors import one_line_errors
from fedper.files import write_text


@one_line_errors
def main() -> None:
    """Read the command line and the source, write the prepared data set and its description."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the raw files are")
    parser.add_argument("--stand-in", type=json.loads, default=None, help="JSON, as in the config")
    parser.add_argument("--n-classes", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--about", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()

    dataset = prepare_dataset(arguments.stand_in, arguments.folder, arguments.n_classes)
    save_dataset(dataset, arguments.out)
    write_text(arguments.about, json.dumps(describe_dataset(dataset), indent=2) + "\n")


if __name__ == "__main__":
    main()

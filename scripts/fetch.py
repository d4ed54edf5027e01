"""Make sure of a data set's files, from the first source that works, and write a receipt."""

import argparse
import json
from pathlib import Path

from fedper.exits import one_line_errors
from fedper.fetch.download import Patience
from fedper.fetch.sources import fetch, make_stand_in
from fedper.files import write_text
from fedper.names import DATASETS


@one_line_errors
def main() -> None:
    """Read the command line, fetch, write the receipt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, choices=DATASETS)
    parser.add_argument("--sources", type=json.loads, required=True, help="JSON, as in the config")
    parser.add_argument("--stand-in", type=json.loads, default=None, help="JSON, as in the config")
    parser.add_argument("--raw", type=Path, required=True, help="folder for raw files")
    parser.add_argument("--attempts", type=int, default=Patience.attempts, help="of a download")
    parser.add_argument("--pause", type=float, default=Patience.first_pause_s, help="first, in s")
    parser.add_argument("--timeout", type=float, default=Patience.timeout_s, help="silence, in s")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()

    if arguments.stand_in is None:
        patience = Patience(arguments.attempts, arguments.pause, timeout_s=arguments.timeout)
        receipt = fetch(arguments.dataset, arguments.sources, arguments.raw, patience)
    else:
        receipt = make_stand_in(arguments.dataset, arguments.stand_in, arguments.raw)
    write_text(arguments.out, json.dumps(receipt, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Bring a data set, or the stand-in for it, into canonical form."""

import argparse
import json
from pathlib import Path

from fedper.data.prepare import prepare, write_prepared
from fedper.exits import one_line_errors
from fedper.fetch.raw import check_receipt, read_receipt


@one_line_errors
def main() -> None:
    """Read the command line and the files, write data set, description and what was left out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receipt", type=Path, required=True, help="what fetch.py wrote")
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON, from the config")
    parser.add_argument("--seed", type=int, default=None, help="of the draw of workers")
    parser.add_argument("--threads", type=int, default=1, help="that decode photographs")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--about", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--provenance", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--excluded", type=Path, required=True, help="CSV file to write")
    arguments = parser.parse_args()

    receipt = read_receipt(arguments.receipt)
    check_receipt(receipt, arguments.receipt)
    dataset, excluded = prepare(arguments.settings, receipt, arguments.seed, arguments.threads)
    for reason, n in excluded["reason"].str.split(":").str[0].value_counts().items():
        print(f"{arguments.settings['dataset']}: left out, {n} ratings: {reason}")
    if "counts" in dataset.provenance:
        print(f"{arguments.settings['dataset']}: {dataset.provenance['counts']}")
    write_prepared(
        dataset,
        excluded,
        arguments.out,
        about=arguments.about,
        provenance=arguments.provenance,
        excluded_path=arguments.excluded,
    )


if __name__ == "__main__":
    main()

"""Draw which client holds which samples, or read it off data that say so themselves."""

import argparse
import json
from pathlib import Path

from fedper.data.make_partition import make_partition
from fedper.data.stored import load_dataset, write_partition
from fedper.exits import one_line_errors


@one_line_errors
def main() -> None:
    """Read the command line and the data set, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument(
        "--settings", type=json.loads, required=True, help="JSON, the partition of the config"
    )
    parser.add_argument("--n-clients", type=int, required=True)
    parser.add_argument("--classes-per-client", type=int, help="not where clients are workers")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()

    partition = make_partition(
        load_dataset(arguments.data),
        arguments.settings,
        arguments.n_clients,
        arguments.classes_per_client,
        arguments.seed,
    )
    write_partition(partition, arguments.out)


if __name__ == "__main__":
    main()

"""Draw which client holds which samples, or read it off data that say so themselves."""

import argparse
from pathlib import Path

from fedper.data.dataset import load_dataset
from fedper.data.partition import draw_partition, partition_by_client, write_partition
from fedper.errors import one_line_errors


@one_line_errors
def main() -> None:
    """Read the command line and the data set, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    rules = parser.add_subparsers(dest="rule", required=True)
    balanced = rules.add_parser("balanced", help="k classes a client")
    workers = rules.add_parser("workers", help="a client is a worker, as the data set says")
    for rule in (balanced, workers):
        rule.add_argument("--data", type=Path, required=True, help="prepared data set")
        rule.add_argument("--n-clients", type=int, required=True)
        rule.add_argument("--seed", type=int, required=True)
        rule.add_argument("--out", type=Path, required=True, help="JSON file to write")
    balanced.add_argument("--classes-per-client", type=int, required=True)
    balanced.add_argument("--train-images-per-class", type=int, required=True)
    balanced.add_argument("--test-images-per-class", type=int, required=True)
    arguments = parser.parse_args()

    dataset = load_dataset(arguments.data)
    if arguments.rule == "workers":
        partition = partition_by_client(dataset, arguments.n_clients, arguments.seed)
    else:
        partition = draw_partition(
            dataset.train.labels,
            dataset.test.labels,
            dataset.n_classes,
            arguments.n_clients,
            arguments.classes_per_client,
            arguments.train_images_per_class,
            arguments.test_images_per_class,
            arguments.seed,
        )
    write_partition(partition, arguments.out)


if __name__ == "__main__":
    main()

"""Draw which client holds which samples."""

import argparse
from pathlib import Path

from fedper.data.dataset import load_dataset
from fedper.errors import one_line_errors
from fedper.partition import draw_partition, write_partition


@one_line_errors
def main() -> None:
    """Read the command line and the data set, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument("--n-clients", type=int, required=True)
    parser.add_argument("--classes-per-client", type=int, required=True)
    parser.add_argument("--train-images-per-class", type=int, required=True)
    parser.add_argument("--test-images-per-class", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()

    dataset = load_dataset(arguments.data)
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

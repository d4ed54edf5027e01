"""Draw how many samples of each class, or ratings of each score, each client holds."""

import argparse
from pathlib import Path

from fedper.data.stored import load_dataset, read_partition
from fedper.draw.partition_map import draw_partitions, draw_ratings
from fedper.draw.style import save_figure
from fedper.exits import one_line_errors


@one_line_errors
def main() -> None:
    """Read the command line, the data set and its partitions, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument("--partitions", type=Path, nargs="+", required=True)
    parser.add_argument("--note", required=True, help="what data and scale this shows")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    arguments = parser.parse_args()

    partitions = [read_partition(path) for path in arguments.partitions]
    data = load_dataset(arguments.data)
    train, test = data.train.labels, data.test.labels
    if data.train.clients is None:
        figure = draw_partitions(partitions, train, arguments.note)
    else:
        figure = draw_ratings(partitions[0], train, test, data.n_classes, arguments.note)
    save_figure(figure, arguments.out)


if __name__ == "__main__":
    main()

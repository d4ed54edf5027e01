"""Which samples each client holds: what a partition is, and its file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fedper.errors import InputError
from fedper.files import write_text


@dataclass(frozen=True)
class ClientSamples:
    """One client's classes, and its rows for training and for testing, each ascending.

    Training rows are of the data set's training split; of which split test rows are, the
    Partition says.
    """

    classes: list[int]
    train: list[int]
    test: list[int]


@dataclass(frozen=True)
class Partition:
    """All clients' samples, with the seed and the k that they were drawn for (None: by worker).

    tests_are_training_images: clients are tested on images of the training split that they hold
    and do not train on, not on images of the test split.
    """

    seed: int
    classes_per_client: int | None
    tests_are_training_images: bool
    clients: list[ClientSamples]


def write_partition(partition: Partition, path: Path) -> None:
    """Write a partition as JSON, atomically."""
    write_text(path, json.dumps(asdict(partition)) + "\n")


def read_partition(path: Path) -> Partition:
    """Read what :func:`write_partition` wrote; raise InputError if the file is not that."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["clients"] = [ClientSamples(**client) for client in values["clients"]]
        return Partition(**values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not a partition ({error}); delete it and run the pipeline again"
        ) from error

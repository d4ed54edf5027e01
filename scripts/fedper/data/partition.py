"""Which samples each client holds: what a partition is, and its file."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
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
    drawn_from: ``samples`` (the rule and its settings, as of a Run) and ``labels_sha256`` (of the
    data set, see :func:`fedper.data.dataset.labels_digest`); empty if nobody says.
    """

    seed: int
    classes_per_client: int | None
    tests_are_training_images: bool
    clients: list[ClientSamples]
    drawn_from: dict = field(default_factory=dict)


def write_partition(partition: Partition, path: Path) -> None:
    """Write a partition as JSON with a hash of what it says, atomically."""
    values = asdict(partition)
    write_text(path, json.dumps({**values, "sha256": _hash(values)}) + "\n")


def read_partition(path: Path) -> Partition:
    """Read what :func:`write_partition` wrote; raise InputError if the file is not that.

    A row that is another one would be trained on without a word, so the hash is compared.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("sha256") != _hash(values):
            raise ValueError("changed since it was drawn: another hash than it says")
        values["clients"] = [ClientSamples(**client) for client in values["clients"]]
        return Partition(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a partition ({reason}); delete it and run the pipeline again"
        ) from error


def _hash(values: dict) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

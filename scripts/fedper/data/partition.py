"""Which samples each client holds."""

from dataclasses import dataclass, field


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

"""Which samples each client holds."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ClientSamples:
    """What one client holds; all lists ascend.

    Attributes:
        classes: labels that it holds images of.
        train: rows of the data set's training split.
        test: rows of the split that the Partition names.
    """

    classes: list[int]
    train: list[int]
    test: list[int]


@dataclass(frozen=True)
class Partition:
    """All clients' samples, and what they were drawn for.

    Attributes:
        seed: of the draw.
        classes_per_client: k; None where clients are workers.
        tests_are_training_images: True: test rows are of the training split, images that the client
            holds and does not train on. False: they are of the test split.
        clients: what each holds.
        drawn_from: ``samples`` (the rule and its settings, as of a Run) and ``labels_sha256`` (see
            :func:`fedper.data.dataset.labels_digest`); empty if unknown.
    """

    seed: int
    classes_per_client: int | None
    tests_are_training_images: bool
    clients: list[ClientSamples]
    drawn_from: dict = field(default_factory=dict)

"""What one training run is: every setting that its result depends on, and its name."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fedper.errors import InputError

CHOICES = {
    "model": ("mobilenet_v1", "resnet34"),
    "stem": ("imagenet", "cifar"),
    "batchnorm_statistics": ("reestimated", "averaged", "own"),
}
"""The values that a named setting can have; see fedper.models and fedper.evaluate."""


@dataclass(frozen=True)
class Run:
    """All settings of one run. There are no defaults: the configuration says everything.

    dataset                  name of the paper's data set
    stand_in                 how data that replaces it is made, or None for the data set itself
    n_clients                N
    classes_per_client       k
    train_images_per_class   training images of a class that all its holders share between them
    test_images_per_class    the same for the test split
    model                    see CHOICES
    width                    multiplies the model's channel counts
    stem                     see CHOICES and fedper.models
    personalization_layers   K_P; 0 is FedAvg, all layers is training alone
    rounds                   global rounds
    local_epochs             e
    batch_size               b
    learning_rate            η, constant
    momentum                 of SGD; starts from zero in every round
    weight_decay             of SGD
    batchnorm_statistics     see CHOICES and fedper.evaluate
    evaluation_batch_size    largest batch of a forward pass without gradients
    threads                  CPU threads; a result changes in its last bits with them
    seed                     of partition, initialisation and batches
    """

    dataset: str
    stand_in: dict | None
    n_clients: int
    classes_per_client: int
    train_images_per_class: int
    test_images_per_class: int
    model: str
    width: float
    stem: str
    personalization_layers: int
    rounds: int
    local_epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    batchnorm_statistics: str
    evaluation_batch_size: int
    threads: int
    seed: int

    @property
    def method(self) -> str:
        """Name of the method in figures and tables: FedAvg is FedPer with K_P = 0."""
        return "FedAvg" if self.personalization_layers == 0 else "FedPer"

    @property
    def name(self) -> str:
        """Folder name of the run: what varies, and a fingerprint of all settings.

        With the fingerprint, other settings are other files, so no tool can take an old result
        for a new one.
        """
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        fingerprint = hashlib.sha256(canonical.encode()).hexdigest()[:8]
        return (
            f"{self.dataset}-{self.model}-k{self.classes_per_client}"
            f"-kp{self.personalization_layers}-seed{self.seed}-{fingerprint}"
        )

    def to_json(self) -> str:
        """Write all settings as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text_or_path: str) -> "Run":
        """Read settings from JSON, or from the ``run.json`` of an earlier run.

        Raises InputError if it cannot be read, a key is missing or unknown, or a name is.
        """
        source = "the settings" if text_or_path.lstrip().startswith("{") else text_or_path
        try:
            text = text_or_path if source == "the settings" else Path(source).read_text()
            values = json.loads(text)
        except (OSError, ValueError) as error:
            raise InputError(f"{source}: not readable as JSON ({error})") from error
        values = values.get("run", values)
        names = {field.name for field in fields(cls)}
        for key in sorted(names ^ values.keys()):
            wrong = "missing" if key in names else "unknown"
            raise InputError(f"{source}: key '{key}' is {wrong}")
        for key, choices in CHOICES.items():
            if values[key] not in choices:
                raise InputError(f"{source}: {key}: '{values[key]}' is not one of {choices}")
        return cls(**values)

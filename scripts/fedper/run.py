"""What one training run is: every setting that its result depends on, and its name."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fedper.errors import InputError

CHOICES = {
    "model": ("mobilenet_v1", "resnet34"),
    "stem": ("imagenet", "cifar"),
    "base": ("full", "linear"),
    "batchnorm_statistics": ("reestimated", "averaged", "own"),
    "precision": ("float32", "tf32", "bfloat16"),
}
"""The values that a named setting can have; see fedper.models, fedper.evaluate, fedper.device."""

N_LAYERS = {"mobilenet_v1": 13 + 2, "resnet34": 16 + 2}
"""Layers that K_P can count: stem, blocks, classifier. K_P = all of them is training alone.

Here and not with the models, so that what only reads results need not load PyTorch.
"""


@dataclass(frozen=True)
class Run:
    """All settings of one run. There are no defaults: the configuration says everything.

    dataset                     name of the paper's data set
    stand_in                    how data that replaces it is made, or None for the data set itself
    n_clients                   N
    classes_per_client          k; None where clients are workers
    samples                     which samples there are and how clients come by them: the other
                                settings of the configuration's partition, and of the images
    model                       see CHOICES
    width                       multiplies the model's channel counts
    stem                        see CHOICES and fedper.models
    base                        "full", or "linear": replaced by one linear layer
    personalization_layers      K_P; 0 is FedAvg, all layers is training alone
    rounds                      global rounds
    local_epochs                e
    personal_finetune_epochs    epochs of W_P_j alone when a new base arrives; 0: none
    evaluation_finetune_epochs  epochs of all layers before a client is tested, then forgotten
    batch_size                  b
    learning_rate               η, constant
    momentum                    of SGD; starts from zero in every round
    weight_decay                of SGD
    batchnorm_statistics        see CHOICES and fedper.evaluate
    evaluation_batch_size       largest batch of a forward pass without gradients
    threads                     CPU threads; a result changes in its last bits with them
    precision                   of convolutions and matrix products, see CHOICES; the weights and
                                their updates are float32
    deterministic               only algorithms that give the same bits each time (on CUDA)
    seed                        of partition, initialisation and batches
    """

    dataset: str
    stand_in: dict | None
    n_clients: int
    classes_per_client: int | None
    samples: dict
    model: str
    width: float
    stem: str
    base: str
    personalization_layers: int
    rounds: int
    local_epochs: int
    personal_finetune_epochs: int
    evaluation_finetune_epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    batchnorm_statistics: str
    evaluation_batch_size: int
    threads: int
    precision: str
    deterministic: bool
    seed: int

    @property
    def method(self) -> str:
        """Name of the method in figures and tables: FedAvg is FedPer with K_P = 0."""
        if self.personalization_layers == N_LAYERS[self.model]:
            return "local training"
        name = "FedAvg" if self.personalization_layers == 0 else "FedPer"
        if self.base == "linear":
            name += ", linear base"
        if self.personal_finetune_epochs or self.evaluation_finetune_epochs:
            name += ", fine-tuned"
        return name

    @property
    def name(self) -> str:
        """Folder name of the run: what varies, and a fingerprint of all settings.

        With the fingerprint, other settings are other files, so no tool can take an old result
        for a new one.
        """
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        fingerprint = hashlib.sha256(canonical.encode()).hexdigest()[:8]
        parts = [self.dataset, self.model]
        if self.classes_per_client is not None:
            parts.append(f"k{self.classes_per_client}")
        parts.append(f"kp{self.personalization_layers}")
        if self.base != "full":
            parts.append(self.base)
        if self.personal_finetune_epochs or self.evaluation_finetune_epochs:
            parts.append("tuned")
        return "-".join([*parts, f"seed{self.seed}", fingerprint])

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

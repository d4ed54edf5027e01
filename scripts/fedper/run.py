"""What one training run is: every setting that its result depends on, and its name."""

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args, get_origin

from fedper.errors import InputError
from fedper.method import Method, Phase, Test

CHOICES = {
    "stem": ("imagenet", "cifar"),
    "pixels": ("centred", "unit", "standardised"),
    "augmentation": ("none", "flip_and_crop"),
    "initial_personal": ("same", "independent"),
    "optimiser_state": ("anew", "carried"),
    "when": ("before", "after", "end"),
    "batchnorm": ("averaged", "reestimated", "own", "test batch"),
    "precision": ("float32", "tf32", "bfloat16"),
    "layers": ("all", "base", "personal"),
    "personal": ("last", "first"),
    "base": ("full", "linear"),
}
"""The values that a named setting can have, here and in a method; see where each is used."""


RANGES = {
    "n_clients": (1, math.inf), "classes_per_client": (1, math.inf), "width": (0, math.inf),
    "rounds": (1, math.inf), "batch_size": (1, math.inf), "learning_rate": (0, math.inf),
    "momentum": (0, 1), "weight_decay": (0, math.inf), "other_tests_every": (1, math.inf),
    "evaluation_batch_size": (1, math.inf), "threads": (1, math.inf), "seed": (0, math.inf),
    "personalization_layers": (0, math.inf), "epochs": (1, math.inf),
}  # fmt: skip
"""Between which numbers a setting lies; the schema of configurations is never wider."""


@dataclass(frozen=True)
class Run:
    """All settings of one run. There are no defaults: the configuration says everything.

    dataset                     name of the paper's data set
    stand_in                    how data that replaces it is made, or None for the data set itself
    n_clients                   N
    classes_per_client          k; None where clients are workers
    samples                     which samples there are and how clients come by them: the other
                                settings of the configuration's partition, and of the images
    model                       its module in fedper.algorithm
    width                       multiplies the model's channel counts
    stem                        see CHOICES and the models
    method                      what is shared, and what a client trains in a round
    rounds                      global rounds
    batch_size                  b
    learning_rate               η, constant
    momentum                    of SGD
    weight_decay                of SGD
    optimiser_state             "anew": momentum starts from zero in every round; "carried" over
    pixels                      x in 0 … 1 as they are ("unit"), "centred" to (x - 0.5) / 0.5, or
                                "standardised" by the training set's mean and sd
    augmentation                "none", or "flip_and_crop": at random, with a padding of 4
    initial_personal            the "same" W_P at all clients, or "independent" ones
    tests                       how clients are tested: the reference, in every round, and others
    other_tests_every           in every such round, and in the last, the others too
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
    method: Method
    rounds: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    optimiser_state: str
    pixels: str
    augmentation: str
    initial_personal: str
    tests: tuple[Test, ...]
    other_tests_every: int
    evaluation_batch_size: int
    threads: int
    precision: str
    deterministic: bool
    seed: int

    @property
    def name(self) -> str:
        """Folder name of the run: what varies, and a fingerprint of all settings.

        With the fingerprint, other settings are other files, so no tool can take an old result
        for a new one.
        """
        k = [] if self.classes_per_client is None else [f"k{self.classes_per_client}"]
        method = re.sub(r"\W+", "_", self.method.name.lower())
        parts = [self.dataset, self.model, *k, method, f"kp{self.method.personalization_layers}"]
        return "-".join([*parts, f"seed{self.seed}", fingerprint(asdict(self))])

    def to_json(self) -> str:
        """Write all settings as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text_or_path: str) -> "Run":
        """Read settings from JSON, or from the ``run.json`` of an earlier run.

        Raises InputError if it cannot be read, a key is missing or unknown, or a value is of
        another type, outside RANGES, or none of CHOICES.
        """
        source = "the settings" if text_or_path.lstrip().startswith("{") else text_or_path
        try:
            text = text_or_path if source == "the settings" else Path(source).read_text("utf-8")
            values = json.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{source}: not readable as JSON ({reason})") from error
        return _build(
            cls, values.get("run", values) if isinstance(values, dict) else values, source
        )


def fingerprint(settings: dict) -> str:
    """Hash all settings of a run: the end of its name."""
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def change(run: Run, **settings: object) -> Run:
    """Change settings of a run, or of its method; local_epochs: of one phase of all layers.

    A method without personal layers is called FedAvg, unless ``name`` says otherwise.
    """
    if "local_epochs" in settings:
        settings["train"] = (Phase("all", settings.pop("local_epochs")),)
    if settings.get("personalization_layers") == 0:
        settings.setdefault("name", "FedAvg")
    of_method = {field.name for field in fields(Method)} & settings.keys()
    method = replace(run.method, **{name: settings.pop(name) for name in of_method})
    return replace(run, method=method, **settings)


def _build(kind: type, values: dict, source: str) -> object:
    """Make one of the dataclasses above from a mapping, or raise InputError."""
    if not isinstance(values, dict):
        raise InputError(f"{source}: {values!r:.60} where the settings of a {kind.__name__} belong")
    types = {field.name: field.type for field in fields(kind)}
    for key in sorted(types.keys() ^ values.keys()):
        wrong = "missing" if key in types else "unknown"
        raise InputError(f"{source}: key '{key}' is {wrong}")
    for key in CHOICES.keys() & values.keys():
        if values[key] not in CHOICES[key]:
            raise InputError(f"{source}: {key}: {values[key]!r:.60} is not one of {CHOICES[key]}")
    return kind(**{key: _value(key, types[key], values[key], source) for key in types})


def _value(key: str, kind: type | UnionType, value: object, source: str) -> object:
    """Take a value if it is of the type that a field says, and in its range."""
    if is_dataclass(kind):
        return _build(kind, value, source)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{source}: {key}: {value!r:.60} where a list belongs")
        return tuple(_build(get_args(kind)[0], item, source) for item in value)
    kinds = get_args(kind) or (kind,)
    if type(value) not in kinds and not (float in kinds and type(value) is int):
        names = " or ".join("null" if one is NoneType else one.__name__ for one in kinds)
        raise InputError(f"{source}: {key}: {value!r:.60} where {names} belongs")
    low, high = RANGES.get(key, (-math.inf, math.inf))
    if type(value) in (int, float) and not (low <= value <= high and value < math.inf):
        raise InputError(f"{source}: {key}: {value!r:.60} is not in {low:g} … {high:g}")
    return value

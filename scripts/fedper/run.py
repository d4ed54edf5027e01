"""What one training run is: every setting that its result depends on, and its name."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, replace

from fedper.method import Method, Phase, Test, phases_from


@dataclass(frozen=True)
class Run:
    """All settings of one run. There are no defaults: the configuration says everything.

    What each may be stands in ``fedper/plan/schema.yaml``, at ``run``;
    :func:`fedper.plan.run_file.read_run` checks it.

    Attributes:
        dataset: name of the paper's data set.
        stand_in: how data that replace it are made, or None for the data set itself.
        n_clients: N.
        classes_per_client: k; None where clients are workers.
        samples: which samples there are and how clients come by them: the other settings of the
            configuration's partition, and of the images.
        model: its module in fedper.algorithm.
        width: multiplies the model's channel counts.
        stem: "imagenet" (as published) or "cifar" (stride 1, no pooling).
        method: what is shared, and what a client trains in a round.
        rounds: global rounds.
        batch_size: b.
        learning_rate: η, constant.
        momentum: of SGD.
        weight_decay: of SGD.
        optimiser_state: "anew": momentum starts from zero in every round; "carried" over.
        pixels: x in 0 … 1 as they are ("unit"), "centred" to (x - 0.5) / 0.5, or "standardised" by
            the training set's mean and sd.
        augmentation: "none", or "flip_and_crop": at random, with a padding of 4.
        initial_personal: the "same" W_P at all clients, or "independent" ones.
        tests: how clients are tested: the reference, in every round, and others.
        other_tests_every: in every such round, and in the last, the others too.
        evaluation_batch_size: largest batch of a forward pass without gradients.
        threads: CPU threads; a result changes in its last bits with them.
        precision: of convolutions and matrix products: "float32", "tf32" or "bfloat16"; weights and
            their updates are float32.
        deterministic: only algorithms that give the same bits each time (on CUDA).
        seed: of partition, initialisation and batches.
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
    def from_values(cls, values: dict) -> "Run":
        """Make a run of what :meth:`to_json` writes, once it is read and checked."""
        method = {**values["method"]}
        method |= {key: phases_from(method[key]) for key in ("train", "new_base")}
        tests = tuple(map(Test.from_values, values["tests"]))
        floats = {f.name: float(values[f.name]) for f in fields(cls) if f.type is float}
        return cls(**{**values, **floats, "method": Method(**method), "tests": tests})


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

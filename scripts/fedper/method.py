"""What a method is made of: phases of training, which layers are personal; and ways of testing."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """Some epochs of SGD.

    Attributes:
        layers: that are trained: "all", "base" or "personal".
        epochs: over all samples of a client.
    """

    layers: str
    epochs: int


def phases_from(values: list[dict]) -> tuple[Phase, ...]:
    """Make phases of what a configuration or a ``run.json`` says."""
    return tuple(Phase(**phase) for phase in values)


def phase_layers(phases: Iterable[Phase]) -> set[str]:
    """List what some phases train."""
    return {phase.layers for phase in phases}


@dataclass(frozen=True)
class Method:
    """Which layers are personal, and what a client trains in a round: FedPer and its relatives.

    Attributes:
        name: in figures and tables.
        personal: "last": counted from the output down (FedPer); "first": from the input up, so that
            the layers next to the output are shared (LG-FedAvg).
        personalization_layers: K_P; 0 is FedAvg, all layers is training alone.
        base: "full", or "linear": replaced by one linear layer.
        train: from W_B as it arrived and W_P_j, before W_B,j is sent. FedAvg and FedPer train all
            layers for e epochs, FedRep first W_P_j and then W_B.
        new_base: when the new base is there. The paper's fine-tuning trains W_P_j for an epoch, and
            keeps that.
    """

    name: str
    personal: str
    personalization_layers: int
    base: str
    train: tuple[Phase, ...]
    new_base: tuple[Phase, ...]

    def parts(self, n_layers: int) -> set[str]:
        """List what can be trained of a model of ``n_layers``: "all", "base", "personal"."""
        base = {"base"} if self.personalization_layers < n_layers else set()
        personal = {"personal"} if self.personalization_layers > 0 else set()
        return {"all"} | base | personal


@dataclass(frozen=True)
class Test:
    """One way of testing a client's model; see :mod:`fedper.algorithm.evaluate`.

    Attributes:
        when: "before" aggregation, as local training left the model; "after" it, and before
            fine-tuning; at the "end" of the round, after fine-tuning where a method has some.
        batchnorm: what BatchNorm uses: "averaged", "reestimated", "own" or "test batch".
        personal: W_P_j in the test: its "own", or a "fresh" one, as it was before the first round
            (FedBABU tests a head that is trained from there).
        train: what is trained before the test, and forgotten afterwards.
    """

    when: str
    batchnorm: str
    personal: str = "own"
    train: tuple[Phase, ...] = ()

    @classmethod
    def from_values(cls, values: dict) -> "Test":
        """Make a test of what a configuration or a ``run.json`` says."""
        return cls(**{**values, "train": phases_from(values.get("train", []))})

    @property
    def name(self) -> str:
        """What histories call it: "end averaged", "end averaged (fresh, personal tuned)"."""
        words = ["fresh"] if self.personal == "fresh" else []
        for phase in self.train:
            epochs = "" if phase.epochs == 1 else f" for {phase.epochs}"
            words.append(f"{phase.layers} tuned{epochs}")
        return f"{self.when} {self.batchnorm}" + (f" ({', '.join(words)})" if words else "")

    @property
    def needs(self) -> set[str]:
        """The parts of a model without which this test makes no sense, of :meth:`Method.parts`."""
        fresh = {"base", "personal"} if self.personal == "fresh" else set()
        return phase_layers(self.train) | fresh

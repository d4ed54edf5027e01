"""What a method is made of: phases of training, which layers are personal, ways of testing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """Some epochs of SGD: layers ("all", "base" or "personal" ones are trained), epochs."""

    layers: str
    epochs: int


@dataclass(frozen=True)
class Method:
    """Which layers are personal, and what a client trains in a round: FedPer and its relatives.

    name                    in figures and tables
    personal                "last": counted from the output down (FedPer); "first": from the input
                            up, so that the layers next to the output are shared (LG-FedAvg)
    personalization_layers  K_P; 0 is FedAvg, all layers is training alone
    base                    "full", or "linear": replaced by one linear layer
    train                   from W_B as it arrived and W_P_j, before W_B,j is sent: FedAvg and
                            FedPer train all layers for e epochs, FedRep first W_P_j and then W_B
    new_base                when the new base is there: the paper's fine-tuning trains W_P_j for an
                            epoch, and keeps that
    before_test             before the client is tested; forgotten afterwards
    """

    name: str
    personal: str
    personalization_layers: int
    base: str
    train: tuple[Phase, ...]
    new_base: tuple[Phase, ...]
    before_test: tuple[Phase, ...]


@dataclass(frozen=True)
class Test:
    """One way of testing a client's model; see :mod:`fedper.algorithm.evaluate`.

    when       "before" aggregation, as local training left the model; "after" it, and before
               fine-tuning; at the "end" of the round, after fine-tuning where a method has some
    batchnorm  what BatchNorm uses: "averaged", "reestimated", "own" or "test batch"
    """

    when: str
    batchnorm: str

    @property
    def name(self) -> str:
        """What histories call it."""
        return f"{self.when} {self.batchnorm}"

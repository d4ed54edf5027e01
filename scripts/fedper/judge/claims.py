"""The paper's claims, as comparisons between runs; they are judged by :mod:`fedper.judge.rules`."""

from dataclasses import dataclass
from math import inf

from fedper.judge.rules import MARGIN
from fedper.names import dataset_title

LOW_AND_HIGH_K = {"cifar10": (4, 10), "cifar100": (40, 100), "flickr_aes": (None, None)}
"""Classes per client where clients differ most, and where they do not."""


@dataclass(frozen=True)
class Arm:
    """The runs on one side of a comparison: a method on a data set; k is "low" or "high"."""

    dataset: str
    method: str
    k: str = "low"
    k_p: int | None = None

    @property
    def classes_per_client(self) -> int | None:
        """k as a number; None where clients are workers."""
        return LOW_AND_HIGH_K[self.dataset][self.k == "high"]

    def __str__(self) -> str:
        """Write what a reader needs to find its runs."""
        words = [f"{self.method} on {dataset_title(self.dataset)}"]
        words += [] if self.classes_per_client is None else [f"k = {self.classes_per_client}"]
        words += [] if self.k_p is None else [f"K_P = {self.k_p}"]
        return ", ".join(words)


@dataclass(frozen=True)
class Comparison:
    """An effect, which the claim says lies between ``above`` and ``below``.

    terms: (weight, arm), …; a seed's effect is the weighted sum of the arms' values. measure:
    "accuracy", mean over clients, or "spread", standard deviation over clients.
    """

    text: str
    terms: tuple[tuple[int, Arm], ...]
    above: float = 0.0
    below: float = inf
    measure: str = "accuracy"

    @property
    def claimed(self) -> str:
        """Write the bounds."""
        if inf not in (-self.above, self.below):
            return f"{self.above:g} to {self.below:g}"
        return f"> {self.above:g}" if self.below == inf else f"< {self.below:g}"


@dataclass(frozen=True)
class Part:
    """What a claim says of one data set: comparisons that must all hold."""

    dataset: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, part by part."""

    name: str
    text: str
    parts: tuple[Part, ...]


def _over(better: Arm, worse: Arm, **bounds: float) -> Comparison:
    text = f"{better.method} - {worse.method}, {dataset_title(better.dataset)}"
    if better.k_p is not None:
        text += f", K_P = {better.k_p}"
    if better.dataset != "flickr_aes":
        text += f", k = {LOW_AND_HIGH_K[better.dataset][better.k == 'high']}"
    return Comparison(text, ((1, better), (-1, worse)), **bounds)


def _gain(dataset: str, k: str = "low") -> tuple[tuple[int, Arm], ...]:
    return (1, Arm(dataset, "FedPer", k, k_p=2)), (-1, Arm(dataset, "FedAvg", k))


def _beats_fedavg(dataset: str, k_p: int = 2) -> Comparison:
    return _over(Arm(dataset, "FedPer", k_p=k_p), Arm(dataset, "FedAvg"))


def _gain_shrinks(dataset: str) -> Comparison:
    low, high = LOW_AND_HIGH_K[dataset]
    minus_high = tuple((-weight, arm) for weight, arm in _gain(dataset, "high"))
    text = f"gain of FedPer at k = {low} - gain at k = {high}, {dataset_title(dataset)}"
    return Comparison(text, (*_gain(dataset), *minus_high))


def _gain_is_gone(dataset: str) -> Comparison:
    text = f"gain of FedPer at k = {LOW_AND_HIGH_K[dataset][1]}, {dataset_title(dataset)}"
    return Comparison(text, _gain(dataset, "high"), above=-inf, below=MARGIN)


def _spread_is_smaller(dataset: str) -> Comparison:
    terms = tuple((-weight, arm) for weight, arm in _gain(dataset))
    text = f"spread of FedAvg - FedPer, {dataset_title(dataset)}"
    return Comparison(text, terms, measure="spread")


def _tuning(dataset: str, **bounds: float) -> Comparison:
    return _over(Arm(dataset, "FedPer fine-tuned", k_p=2), Arm(dataset, "FedPer", k_p=2), **bounds)


def _gain_is_gone_at_high_k(dataset: str) -> Part:
    return Part(dataset, (_gain_shrinks(dataset), _gain_is_gone(dataset)))


def _better_than(dataset: str, method: str, k_p: int | None = None) -> Part:
    better, worse = Arm(dataset, "FedPer", k_p=2), Arm(dataset, method, k_p=k_p)
    return Part(dataset, (_over(better, worse),))


CIFAR, ALL = ("cifar10", "cifar100"), ("cifar10", "cifar100", "flickr_aes")

CLAIMS = (
    Claim(
        "C1",
        "FedPer beats FedAvg where clients' data differ",
        (Part("cifar10", (_beats_fedavg("cifar10"),)),),
    ),
    Claim(
        "C2",
        "The gain shrinks as k grows, and is gone at k = 10",
        (_gain_is_gone_at_high_k("cifar10"),),
    ),
    Claim(
        "C3",
        "The same on CIFAR-100",
        (
            Part(
                "cifar100",
                (
                    _beats_fedavg("cifar100"),
                    _gain_shrinks("cifar100"),
                    _gain_is_gone("cifar100"),
                ),
            ),
        ),
    ),
    Claim(
        "C4",
        "Every number of personalization layers from 1 to 4 helps",
        tuple(Part(d, tuple(_beats_fedavg(d, k_p) for k_p in (1, 2, 3, 4))) for d in CIFAR),
    ),
    Claim(
        "C5",
        "FedPer beats FedAvg on FLICKR-AES",
        (Part("flickr_aes", (_beats_fedavg("flickr_aes"),)),),
    ),
    Claim(
        "C6",
        "FedPer's accuracies vary less from client to client (later papers disagree)",
        tuple(Part(d, (_spread_is_smaller(d),)) for d in ALL),
    ),
    Claim(
        "C7",
        "Fine-tuning helps on CIFAR-100 and does nothing on FLICKR-AES",
        (
            Part("cifar100", (_tuning("cifar100"),)),
            Part("flickr_aes", (_tuning("flickr_aes", above=-MARGIN, below=MARGIN),)),
        ),
    ),
    Claim(
        "C8",
        "Training alone is worse than FedPer",
        tuple(_better_than(d, "local training") for d in ALL),
    ),
    Claim(
        "C9",
        "One linear layer in place of the base is worse",
        tuple(_better_than(d, "FedPer linear base", k_p=2) for d in ALL),
    ),
)

TRAFFIC = Claim("C10", "Communication saved is modest", tuple(Part(d, ()) for d in ALL))
"""The claim that is counted and not tested, see rule 8."""

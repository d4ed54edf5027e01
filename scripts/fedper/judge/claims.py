"""The paper's claims, as comparisons between runs; :mod:`fedper.judge.rules` says how to judge."""

from dataclasses import dataclass
from math import inf

from fedper.judge.rules import MARGIN, MARGIN_LOG_ODDS
from fedper.names import dataset_title
from fedper.run import Run

LOW_AND_HIGH_K = {"cifar10": (4, 10), "cifar100": (40, 100), "flickr_aes": (None, None)}
"""k where clients differ most, and where they differ least."""


@dataclass(frozen=True)
class Arm:
    """The runs on one side of a comparison.

    Attributes:
        dataset: their data set.
        method: their method.
        k: "low" or "high", see LOW_AND_HIGH_K.
        k_p: number of personalization layers; None: any.
    """

    dataset: str
    method: str
    k: str = "low"
    k_p: int | None = None

    @property
    def classes_per_client(self) -> int | None:
        """k as a number; None where clients are workers."""
        return LOW_AND_HIGH_K[self.dataset][self.k == "high"]

    def has(self, run: Run) -> bool:
        """Tell whether a run belongs here."""
        of_run = (run.dataset, run.method.name, run.classes_per_client)
        k_p = run.method.personalization_layers
        is_here = of_run == (self.dataset, self.method, self.classes_per_client)
        return is_here and self.k_p in (None, k_p)

    def __str__(self) -> str:
        """Write what a reader needs to find its runs."""
        words = [f"{self.method} on {dataset_title(self.dataset)}"]
        words += [] if self.classes_per_client is None else [f"k = {self.classes_per_client}"]
        words += [] if self.k_p is None else [f"K_P = {self.k_p}"]
        return ", ".join(words)


@dataclass(frozen=True)
class Comparison:
    """An effect, and what the claim says of it.

    Attributes:
        text: names the effect.
        terms: weights and arms. A seed's effect is the weighted sum of the arms' values.
        says: "more": the effect is above the margin; "gone": below it; "nothing": within it.
        measure: of a run: "accuracy" (mean over clients), "spread" (standard deviation over
            clients), or "log odds" (standard deviation over clients of log odds).
        is_judged: False for an effect that is only shown.
    """

    text: str
    terms: tuple[tuple[int, Arm], ...]
    says: str = "more"
    measure: str = "accuracy"
    is_judged: bool = True

    @property
    def margin(self) -> float:
        """What is too small to matter, in the unit of the measure."""
        return MARGIN_LOG_ODDS if self.measure == "log odds" else MARGIN

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which values the claim says that the effect lies."""
        m = self.margin
        return {"more": (m, inf), "gone": (-inf, m), "nothing": (-m, m)}[self.says]

    @property
    def claimed(self) -> str:
        """Write the bounds."""
        m = f"{self.margin:g}"
        return {"more": f"> {m}", "gone": f"< {m}", "nothing": f"-{m} to {m}"}[self.says]


@dataclass(frozen=True)
class Part:
    """What a claim says of one data set and each model: all comparisons must hold."""

    dataset: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, part by part, and the models that it is about."""

    name: str
    text: str
    parts: tuple[Part, ...]
    models: tuple[str, ...] = ("mobilenet_v1", "resnet34")


def _over(better: Arm, worse: Arm, says: str = "more") -> Comparison:
    text = f"{better.method} - {worse.method}, {dataset_title(better.dataset)}"
    if better.k_p is not None:
        text += f", K_P = {better.k_p}"
    if better.dataset != "flickr_aes":
        text += f", k = {LOW_AND_HIGH_K[better.dataset][better.k == 'high']}"
    return Comparison(text, ((1, better), (-1, worse)), says)


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
    return Comparison(text, _gain(dataset, "high"), "gone")


def _spread_is_smaller(dataset: str) -> tuple[Comparison, ...]:
    terms = tuple((-weight, arm) for weight, arm in _gain(dataset))
    of = f"of FedAvg - FedPer, {dataset_title(dataset)}"
    return (
        Comparison(f"spread of log odds {of}", terms, measure="log odds"),
        Comparison(f"spread of accuracies {of}", terms, measure="spread", is_judged=False),
    )


def _tuning(dataset: str, says: str = "more") -> Comparison:
    return _over(Arm(dataset, "FedPer fine-tuned", k_p=2), Arm(dataset, "FedPer", k_p=2), says)


def _gain_is_gone_at_high_k(dataset: str) -> Part:
    gains = (_beats_fedavg(dataset), _gain_shrinks(dataset), _gain_is_gone(dataset))
    return Part(dataset, gains)


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
        (_gain_is_gone_at_high_k("cifar100"),),
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
        tuple(Part(d, _spread_is_smaller(d)) for d in ALL),
    ),
    Claim(
        "C7",
        "Fine-tuning helps on CIFAR-100 and does nothing on FLICKR-AES",
        (
            Part("cifar100", (_tuning("cifar100"),)),
            Part("flickr_aes", (_tuning("flickr_aes", "nothing"),)),
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
"""The claim that needs counting and no test, see rule 10."""

IN_ALL_READINGS = {
    "C1": _beats_fedavg("cifar10"),
    "C2": _gain_shrinks("cifar10"),
    "C6": _spread_is_smaller("cifar10")[0],
}
"""What the multiverse compares in every reading of the protocol, by claim."""

"""Whether the paper's claims hold: the claims as comparisons, and the rules of judgement.

1. The unit is the seed. Runs of one seed share what they can: images and their order, and, at the
   same k, the partition; the initial base too, unless one of them has another base. So they are
   compared in pairs: a seed's effect is a difference between last rounds, averaged over the models
   (and settings, where a figure has its own) that both sides were asked for; where models have
   different numbers of seeds, over those that have the most.
   Clients are never pooled; they are not independent, and pooling them finds effects that are not
   there far too often.
2. Over the effects of all seeds: mean, 95 % interval of Student's t, and a t test, one-sided in
   the direction of the claim.
3. A claim of several comparisons holds only if all of them do, so its p value is the largest of
   theirs. The p values of the claims that can be tested are corrected together by Holm's method.
4. "reproduced": the corrected p is below 0.05. "not reproduced": one comparison at least lies on
   the other side of the bound that the claim sets, by a t test at 0.025 divided by the number of
   the claim's comparisons. "inconclusive": neither, or fewer than MIN_SEEDS seeds, or runs that
   are missing or diverged; with the reason.
5. A claim sets the bound 0: the effect is larger. That a gain is gone means that it is below
   MARGIN; that something does nothing, that its effect is between -MARGIN and MARGIN.
6. Of C4 and C5 only a part is judged: not which K_P is best (2 on CIFAR-10, 1 on CIFAR-100, says
   the paper), nor how high FedAvg and FedPer come on FLICKR-AES.
"""

from dataclasses import dataclass
from math import inf

from fedper.names import dataset_title

RULES = __doc__.split("\n\n", 1)[1].strip()
"""The rules above, as every file of verdicts repeats them."""

MIN_SEEDS = 3
LEVEL = 0.05

MARGIN = 0.02
"""Difference in accuracy that is too small to matter."""

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
class Claim:
    """One claim of the paper, as comparisons that must all hold."""

    name: str
    text: str
    comparisons: tuple[Comparison, ...]


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


CLAIMS = (
    Claim("C1", "FedPer beats FedAvg where clients' data differ", (_beats_fedavg("cifar10"),)),
    Claim(
        "C2",
        "The gain shrinks as k grows, and is gone at k = 10",
        (_gain_shrinks("cifar10"), _gain_is_gone("cifar10")),
    ),
    Claim(
        "C3",
        "The same on CIFAR-100",
        (_beats_fedavg("cifar100"), _gain_shrinks("cifar100"), _gain_is_gone("cifar100")),
    ),
    Claim(
        "C4",
        "Every number of personalization layers from 1 to 4 helps",
        tuple(_beats_fedavg(d, k_p) for d in ("cifar10", "cifar100") for k_p in (1, 2, 3, 4)),
    ),
    Claim("C5", "FedPer beats FedAvg on FLICKR-AES", (_beats_fedavg("flickr_aes"),)),
    Claim(
        "C6",
        "FedPer's accuracies vary less from client to client",
        tuple(_spread_is_smaller(d) for d in ("cifar10", "cifar100", "flickr_aes")),
    ),
    Claim(
        "C7",
        "Fine-tuning helps on CIFAR-100 and does nothing on FLICKR-AES",
        (_tuning("cifar100"), _tuning("flickr_aes", above=-MARGIN, below=MARGIN)),
    ),
    Claim(
        "C8",
        "Training alone is worse than FedPer",
        tuple(
            _over(Arm(d, "FedPer", k_p=2), Arm(d, "local training"))
            for d in ("cifar100", "flickr_aes")
        ),
    ),
    Claim(
        "C9",
        "One linear layer in place of the base is worse",
        tuple(
            _over(Arm(d, "FedPer", k_p=2), Arm(d, "FedPer linear base", k_p=2))
            for d in ("cifar100", "flickr_aes")
        ),
    ),
)

"""Which readings of the protocol there are, and which effects are looked at in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fedper.judge.choices import Choices, choices_of
from fedper.judge.claims import LOW_AND_HIGH_K
from fedper.method import Test
from fedper.plan.universes import Universe, universes
from fedper.run import Run

DATASET = "cifar10"
K_P = 2
LOW, HIGH = LOW_AND_HIGH_K[DATASET]

Pairs = dict[tuple[str, int], list[tuple[int, Run]]]
"""Weights and runs of an effect's terms, by model and seed."""


@dataclass(frozen=True)
class Effect:
    """What a claim says is above 0.

    measure: "accuracy", mean over clients, or "spread", their standard deviation.  terms: (weight,
    method, k), …; a seed's effect is the weighted sum of their runs' values in the last round.
    """

    claim: str
    text: str
    measure: str
    terms: tuple[tuple[int, str, int], ...]

    def pairs(self, runs: Sequence[Run]) -> Pairs:
        """Find the runs of each pair of model and seed that has one for every term."""
        found: Pairs = {}
        for weight, method, k in self.terms:
            for run in runs:
                is_arm = (run.dataset, run.method.name) == (DATASET, method)
                is_arm &= run.classes_per_client == k
                if is_arm and (method != "FedPer" or run.method.personalization_layers == K_P):
                    found.setdefault((run.model, run.seed), []).append((weight, run))
        return {pair: arms for pair, arms in found.items() if len(arms) == len(self.terms)}

    def runs(self, runs: Sequence[Run]) -> list[Run]:
        """List those of :meth:`pairs`."""
        return [run for arms in self.pairs(runs).values() for _, run in arms]


_GAIN = ((1, "FedPer", LOW), (-1, "FedAvg", LOW))
_LOSS = ((1, "FedAvg", LOW), (-1, "FedPer", LOW))
_LOSS_AT_HIGH_K = ((1, "FedAvg", HIGH), (-1, "FedPer", HIGH))

EFFECTS = (
    Effect("C1", f"mean accuracy of FedPer - of FedAvg, k = {LOW}", "accuracy", _GAIN),
    Effect("C2", f"that at k = {LOW} - at k = {HIGH}", "accuracy", (*_GAIN, *_LOSS_AT_HIGH_K)),
    Effect("C6", f"sd over clients of FedAvg - of FedPer, k = {LOW}", "spread", _LOSS),
)
"""Where clients differ most, and what becomes of it where they do not."""


@dataclass(frozen=True)
class Reading:
    """One way to read the protocol.

    kind: "universe", one of the configuration, or "test", another test of the reference's runs,
    which needs no training of its own.  test: None, each run's reference, or that other one.
    touched: names of the claims whose runs, or whose tests, are not the reference's.
    """

    name: str
    kind: str
    runs: list[Run]
    test: Test | None
    choices: Choices
    is_reference: bool
    touched: tuple[str, ...]


def effects_of(config: dict) -> list[Effect]:
    """List the effects that the multiverse of a configuration has runs for; none without one."""
    planned = universes(config)
    return [effect for effect in EFFECTS if planned and effect.pairs(planned[0].runs)]


def readings_of(config: dict) -> list[Reading]:
    """List the reference, the other universes, and the other tests of the reference's runs."""
    planned, effects = universes(config), effects_of(config)
    (reference,) = [one for one in planned if not one.changes]
    others = [one for one in planned if one.changes]
    readings = [_universe(one, reference, effects) for one in (reference, *others)]
    runs = readings[0].runs
    for test in dict.fromkeys(test for run in runs for test in run.tests[1:]):
        touched = tuple(
            effect.claim
            for effect in effects
            if all(test in run.tests[1:] for run in effect.runs(runs))
        )
        one = replace(readings[0], name=f"test: {test.name}", kind="test", test=test)
        one = replace(one, choices=choices_of(runs, test), is_reference=False, touched=touched)
        readings += [one] if touched else []
    return readings


def _universe(one: Universe, reference: Universe, effects: Sequence[Effect]) -> Reading:
    runs = list({run.name: run for effect in effects for run in effect.runs(one.runs)}.values())
    others = {
        effect.claim
        for effect in effects
        if {run.name for run in effect.runs(one.runs)}
        != {run.name for run in effect.runs(reference.runs)}
    }
    is_reference = one is reference
    touched = tuple(e.claim for e in effects if is_reference or e.claim in others)
    return Reading(one.name, "universe", runs, None, choices_of(runs, None), is_reference, touched)

"""Which readings of the protocol there are, and which effects are looked at in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fedper.judge.choices import Choices, choices_of
from fedper.judge.claims import IN_ALL_READINGS, Comparison
from fedper.method import Test
from fedper.plan.universes import Universe, universes
from fedper.run import Run

DATASET = "cifar10"


@dataclass(frozen=True)
class Effect:
    """A comparison of a claim, as the multiverse looks at it."""

    claim: str
    comparison: Comparison

    def runs(self, runs: Sequence[Run]) -> list[Run]:
        """List the runs that it compares: those of all arms, of the seeds that each arm has."""
        arms = [[run for run in runs if arm.has(run)] for _, arm in self.comparison.terms]
        seeds = set.intersection(*({run.seed for run in arm} for arm in arms))
        return list({run.name: run for arm in arms for run in arm if run.seed in seeds}.values())


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
    effects = [Effect(claim, comparison) for claim, comparison in IN_ALL_READINGS.items()]
    return [effect for effect in effects if planned and effect.runs(planned[0].runs)]


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

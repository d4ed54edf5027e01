"""Which readings of the protocol there are, what each chooses, and which effects are looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from fedper.judge.claims import IN_ALL_READINGS, Comparison
from fedper.method import Test
from fedper.plan.universes import Universe, universes
from fedper.run import Run

LABELS = {
    "samples.rule": "partition",
    "samples.test": "test images",
    "samples.images_per_class": "training images of a class",
    "stem": "stem",
    "pixels": "pixels",
    "initial_personal": "initial personal parts",
    "batchnorm": "BatchNorm in tests",
    "when": "when tested",
    "train": "trained before a test",
    "personal": "personal layers in tests",
    "momentum": "momentum",
    "optimiser_state": "optimiser's state",
    "augmentation": "augmentation",
    "weight_decay": "weight decay",
    "rounds": "rounds",
    "batch_size": "batch",
    "learning_rate": "learning rate",
}
"""How figures name settings: by their path in a Run, or name in a Test. First those that readings
often change. Any other setting is named by its path."""

NO_CHOICE = ("seed", "tests", "other_tests_every")
"""Settings of a Run that are no choice of a reading. (Its test is given beside the run.)"""

NOT_SET = "not set"
"""Value of a choice that a reading does not have, because another choice rules it out."""

Choices = dict[str, str]
"""Values of settings by their names, both in words."""

DATASET = "cifar10"
"""Whose runs the multiverse is about."""


@dataclass(frozen=True)
class Effect:
    """A comparison of a claim that is made in every reading."""

    claim: str
    comparison: Comparison

    def runs(self, runs: Sequence[Run]) -> list[Run]:
        """List the runs of all arms, of the seeds that every arm has."""
        arms = [[run for run in runs if arm.has(run)] for _, arm in self.comparison.terms]
        seeds = set.intersection(*({run.seed for run in arm} for arm in arms))
        return list({run.name: run for arm in arms for run in arm if run.seed in seeds}.values())


@dataclass(frozen=True)
class Reading:
    """One way to read the protocol.

    Attributes:
        name: in the configuration, or of the test.
        kind: "universe": one of the configuration; "test": another test of the reference's runs.
        runs: that show it.
        test: the other test; None: each run's reference.
        choices: what it chooses.
        is_reference: whether it is the reading that the others are compared with.
        touched: claims whose runs or tests differ from the reference's.
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


def choices_of(runs: Sequence[Run], test: Test | None) -> Choices:
    """List the choices of some runs and a test (None: each run's reference).

    Where the runs differ among each other, as in their methods, one text has all values.
    """
    found: dict[str, dict[str, None]] = {path: {} for path in LABELS}
    for run in runs:
        for path, value in _leaves(run, test or run.tests[0]):
            found.setdefault(path, {})[value] = None
    return {_label(path): ", ".join(values) for path, values in found.items() if values}


def differing(choices: Sequence[Choices]) -> dict[str, list[str]]:
    """List what was chosen differently, with its values in the order in which they occur."""
    names = dict.fromkeys(name for of_one in choices for name in of_one)
    values = {
        name: list(dict.fromkeys(of_one.get(name, NOT_SET) for of_one in choices)) for name in names
    }
    return {name: found for name, found in values.items() if len(found) > 1}


def _leaves(run: Run, test: Test) -> Iterator[tuple[str, str]]:
    """Yield each setting of a run and its test: path and value, in words."""
    settings = asdict(run) | asdict(test)
    waiting = [(path, settings[path]) for path in settings if path not in NO_CHOICE]
    while waiting:
        path, value = waiting.pop(0)
        if path == "samples.test":
            yield path, _test_images(value)
        elif isinstance(value, dict):
            waiting += [(f"{path}.{key}", below) for key, below in value.items()]
        else:
            yield path, _words(value)


def _test_images(settings: dict) -> str:
    if settings["from"] == "own":
        return f"own, {100 * settings['fraction']:g} %"
    return f"{settings['from']}, {settings['images_per_class']} of a class"


def _label(path: str) -> str:
    return LABELS.get(path, path.replace("_", " ").replace(".", " "))


def _words(value: object) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):  # phases of training
        return " + ".join(f"{phase['epochs']} of {phase['layers']}" for phase in value)
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")

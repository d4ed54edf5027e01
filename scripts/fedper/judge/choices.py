"""What a reading of the protocol chooses, from the settings of its runs and not from its name."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from fedper.method import Test
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
"""Settings by their path in a Run, or their name in a Test: first those that readings often change,
as figures call them. Any other is called by its path."""

NO_CHOICE = ("seed", "tests", "other_tests_every")
"""Settings that make no other reading: a reading's test stands for itself."""

NOT_SET = "not set"
"""What stands for a choice that a reading has not, because of another one."""

Choices = dict[str, str]
"""What was chosen, by what it was chosen for, both in words."""


def choices_of(runs: Sequence[Run], test: Test | None) -> Choices:
    """List every choice of some runs, tested so (None: as each run's reference).

    Where the runs themselves differ, as in their methods, all their values stand in one text.
    """
    found: dict[str, dict[str, None]] = {path: {} for path in LABELS}
    for run in runs:
        for path, value in _leaves(run, test or run.tests[0]):
            found.setdefault(path, {})[value] = None
    return {_label(path): ", ".join(values) for path, values in found.items() if values}


def differing(choices: Sequence[Choices]) -> dict[str, list[str]]:
    """List what was not chosen alike, and for each its values, in the order in which they occur."""
    names = dict.fromkeys(name for of_one in choices for name in of_one)
    values = {
        name: list(dict.fromkeys(of_one.get(name, NOT_SET) for of_one in choices)) for name in names
    }
    return {name: found for name, found in values.items() if len(found) > 1}


def _leaves(run: Run, test: Test) -> Iterator[tuple[str, str]]:
    """Give each setting of a run and its test by its path, in words."""
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

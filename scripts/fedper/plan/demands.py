"""Minutes that a run takes, and what its job asks a scheduler for, from measured speeds."""

from collections.abc import Iterable
from dataclasses import dataclass

from fedper.names import DATASETS
from fedper.run import Run

IMAGES_PER_SECOND = {
    ("mobilenet_v1", "cuda"): 48_000,
    ("mobilenet_v1", "cpu"): 140,
    ("resnet34", "cuda"): 14_000,
    ("resnet34", "cpu"): 12,
}
"""Trained at width 1 with stem "cifar" on 32 x 32 pixels, batches of 128, tests included: on an
NVIDIA H200 with tf32, on one thread of an AMD EPYC. See docs/speed.md."""

WIDTH = 1.5
"""The power of the width that time grows with: 1.47 for MobileNet-v1 and 1.91 for ResNet-34 between
widths of 0.25 and 1 on a CPU."""

SECONDS_PER_STEP = 0.002
"""At least, however small a step of SGD is."""

SIDE = 32
"""Of an image, in pixels, where a run does not name it, as for CIFAR."""

MARGIN = 4
"""How many times slower another card or processor may be."""

START_MINUTES = 10
"""For loading data and recording a CUDA graph."""


@dataclass(frozen=True)
class Demand:
    """What a run asks for.

    Attributes:
        minutes: of wall clock.
        mem_mb: main memory, in units of 1,000,000 bytes.
    """

    minutes: int
    mem_mb: int


def expected_minutes(run: Run, device: str) -> float:
    """Estimate how long a run takes on the card or processor that the speeds were measured on.

    Proportional to pixels and to a power of the width.

    Args:
        run: the settings.
        device: "cuda" or "cpu".
    """
    epochs = sum(phase.epochs for phase in run.method.train)
    pixels = (_side(run) / SIDE) ** 2 * (0.25 if run.stem == "imagenet" else 1)
    speed = IMAGES_PER_SECOND.get((run.model, device), IMAGES_PER_SECOND["resnet34", device])
    if device == "cpu":
        speed *= run.threads
    a_batch = run.batch_size * run.width**WIDTH * pixels / speed
    steps = run.rounds * epochs * _training_images(run) / run.batch_size
    return steps * max(a_batch, SECONDS_PER_STEP) / 60


def demand(run: Run, device: str) -> Demand:
    """Estimate what a run asks for, generously; one that needs more goes on from its checkpoint."""
    images_mb = _training_images(run) * 3 * _side(run) ** 2 / 1e6
    program_mb = 6000 if device == "cuda" else 2000
    return Demand(
        round(START_MINUTES + MARGIN * expected_minutes(run, device)),
        round(program_mb + 4 * images_mb),
    )


def of_an_array(demands: Iterable[Demand]) -> Demand:
    """Return what an array of some runs asks for: SLURM gives the same to each of its tasks.

    The memory suffices for all, the time for 19 of 20; the others go on from their checkpoints.
    """
    minutes, mem_mb = zip(*((one.minutes, one.mem_mb) for one in demands), strict=True)
    return Demand(sorted(minutes)[(len(minutes) * 19 - 1) // 20], max(mem_mb))


def _side(run: Run) -> int:
    return run.samples.get("image_size", SIDE)


def _training_images(run: Run) -> int:
    """Count the images that all clients train on in an epoch, at most."""
    samples = run.samples
    if samples["rule"] == "workers":
        return run.n_clients * samples["max_ratings"]
    return samples["images_per_class"] * DATASETS[run.dataset].n_classes

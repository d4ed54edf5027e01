"""Memory and minutes that a training job asks a scheduler for, from measured speeds."""

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

SECONDS_PER_STEP = {"cuda": 0.002, "cpu": 0.002}
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


def demand(run: Run, device: str) -> Demand:
    """Estimate what a run needs, generously.

    Time is proportional to width and to pixels, which overestimates narrow models. A run that needs
    more time goes on from its checkpoint.

    Args:
        run: the settings.
        device: "cuda" or "cpu".
    """
    n_images = _training_images(run)
    epochs = sum(phase.epochs for phase in run.method.train)
    side = run.samples.get("image_size", SIDE)
    pixels = (side / SIDE) ** 2 * (0.25 if run.stem == "imagenet" else 1)
    speed = IMAGES_PER_SECOND.get((run.model, device), IMAGES_PER_SECOND["resnet34", device])
    if device == "cpu":
        speed *= run.threads
    a_batch = run.batch_size * run.width * pixels / speed
    steps = run.rounds * epochs * n_images / run.batch_size
    minutes = steps * max(a_batch, SECONDS_PER_STEP[device]) / 60
    images_mb = n_images * 3 * side**2 / 1e6
    program_mb = 6000 if device == "cuda" else 2000
    return Demand(round(START_MINUTES + MARGIN * minutes), round(program_mb + 4 * images_mb))


def of_an_array(demands: Iterable[Demand]) -> Demand:
    """Return what an array of some runs asks for: SLURM gives the same to each of its tasks.

    The memory suffices for all, the time for 19 of 20; the others go on from their checkpoints.
    """
    minutes, mem_mb = zip(*((one.minutes, one.mem_mb) for one in demands), strict=True)
    return Demand(sorted(minutes)[(len(minutes) * 19 - 1) // 20], max(mem_mb))


def _training_images(run: Run) -> int:
    """Count the images that all clients train on in an epoch, at most."""
    samples = run.samples
    if samples["rule"] == "workers":
        return run.n_clients * samples["max_ratings"]
    return samples["images_per_class"] * DATASETS[run.dataset].n_classes

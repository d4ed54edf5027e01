"""A simulated FLICKR-AES, in the real one's file formats and with their quirks: a stand-in.

Every image shows a brightness, a warmth and a texture. There are four tastes: workers like bright
images or dark ones, and grained images or smooth ones; nobody minds warmth. A score says how much
the worker likes the image, so one image has different labels at different clients, as in
FLICKR-AES. What is planted: all workers look at the same two attributes, which a shared base can
learn; what they make of them is opposite, so no common model can please them (see
:func:`best_accuracies`); and no linear layer sees texture, because its sign is random in every
grain. Nothing measured on it speaks about FLICKR-AES.
"""

import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from fedper.names import PHOTO_ARCHIVE, PHOTO_FOLDER, RATINGS
from fedper.randomness import seed_for

ATTRIBUTES = ("brightness", "warmth", "texture")

TASTES = np.array([[b, 0, t] for b in (1, -1) for t in (1, -1)])
"""Weights of ATTRIBUTES in what workers like; worker i has taste i modulo 4."""

GRAINS = 24
"""Grains of the texture along a side of an image."""

SCORE_SHARES = np.array([0.3, 0.15, 0.1, 0.15, 0.3])
"""How often workers give each score from 1 to 5, on average: tastes are strong. Every worker has
habits.
"""

HABIT = 100
"""How alike workers' habits are: the sum of their Dirichlet distribution's parameters."""

MEAN_SCORES = "FLICKR-AES_image_score.txt"
"""Part of the data set, though nothing here reads it: each image's mean score in 0 … 1."""

EPOCH = (2017, 10, 22, 0, 0, 0)
"""Date of all entries of the archive, so that the same settings give the same bytes."""


def write(
    folder: Path,
    n_images: int,
    n_workers: int,
    fewest_ratings: int,
    most_ratings: int,
    noise: float,
    seed: int,
) -> str:
    """Write ratings, mean scores and the archive of photographs in place of what is there.

    A worker rates between ``fewest_ratings`` and ``most_ratings`` images (log-uniform; at most
    ``n_images``). noise: standard deviation of a rating's error, where the liking that it adds to
    has standard deviation 1. Returns a note for their provenance.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(folder, n_images, n_workers, (fewest_ratings, most_ratings), noise, seed)
    except OSError as error:  # a full disk, which zipfile does not name
        raise OSError(error.errno, error.strerror, str(folder)) from error
    return "stand-in: simulated workers and images"


def _write(
    folder: Path,
    n_images: int,
    n_workers: int,
    n_ratings: tuple[int, int],
    noise: float,
    seed: int,
) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
        made = Path(temporary) / folder.name
        made.mkdir()
        generator = _generator_of_images(seed)
        attributes = _draw_attributes(n_images, generator)
        names = [f"farm{1 + i % 9}_{i:05d}_simulated_b.jpg" for i in range(n_images)]
        workers = _draw_workers(attributes, n_workers, n_ratings, noise, seed)
        _write_tables(_table_of_ratings(workers, names), made)
        _write_archive(attributes, names, made / PHOTO_ARCHIVE, generator)
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)


def draw_image(
    attributes: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw an image of random size that shows its attributes (each in -1 … 1): uint8 [H, W, 3].

    A few soft blobs on a ground: brightness is the ground's, warmth the hue, from blue to orange,
    and texture the contrast of GRAINS x GRAINS light and dark grains.
    """
    brightness, warmth, texture = attributes
    height, width = generator.integers(48, 97, size=2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    blobs = sum(
        np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * radius**2))
        for centre_x, centre_y, radius in zip(
            *generator.uniform(-1, 1, (2, 4)), generator.uniform(0.15, 0.45, 4), strict=True
        )
    )
    grains = generator.choice([-1, 1], (GRAINS, GRAINS))
    rows, columns = (np.arange(size) * GRAINS // size for size in (height, width))
    grain = 0.2 * (texture + 1) / 2 * grains[rows][:, columns]
    grey = 0.5 + 0.25 * brightness + 0.1 * (blobs - 0.4) + grain
    pixels = grey[:, :, None] + 0.15 * warmth * np.array([1, 0.1, -1])
    return (pixels.clip(0, 1) * 255).round().astype(np.uint8)


def best_accuracies(
    n_images: int,
    n_workers: int,
    fewest_ratings: int,
    most_ratings: int,
    noise: float,
    seed: int,
) -> tuple[float, float]:
    """Compute how often a perfect model is right: one for all workers, and one for each.

    A perfect model knows an image's attributes and every worker's taste and limits between scores;
    it does not know the error of a rating. A worker who likes an image by l gives it the score
    between limits a and b with probability Phi((b - l) / noise) - Phi((a - l) / noise). The common
    model says what is likeliest on average over workers. Arguments: as of :func:`write`; a
    ``noise`` above 0.
    """
    attributes = _draw_attributes(n_images, _generator_of_images(seed))
    chances = []
    for worker in _draw_workers(attributes, n_workers, (fewest_ratings, most_ratings), noise, seed):
        limits = np.concatenate([[-np.inf], worker.limits, [np.inf]])
        below = stats.norm.cdf((limits[:, None] - worker.liking) / noise)
        chances.append(np.diff(below, axis=0))
    of_workers = np.stack(chances)  # [worker, score, image]
    common, personal = of_workers.mean(axis=0).max(axis=0), of_workers.max(axis=1)
    return float(common.mean()), float(personal.mean())


@dataclass(frozen=True)
class Worker:
    """A worker, and what they rated.

    Attributes:
        liking: of every image, float [n_images], of standard deviation about 1; no error in it.
        limits: of liking between neighbouring scores, float [4], rising.
        seen: images that they rated, int [n].
        scores: of these, 1 … 5, int [n].
    """

    liking: NDArray[np.float64]
    limits: NDArray[np.float64]
    seen: NDArray[np.int64]
    scores: NDArray[np.int64]


def _draw_workers(
    attributes: NDArray[np.float64],
    n_workers: int,
    n_ratings: tuple[int, int],
    noise: float,
    seed: int,
) -> Iterator[Worker]:
    for number in range(n_workers):
        generator = np.random.default_rng(seed_for(seed, "simulated worker", number))
        n = round(np.exp(generator.uniform(*np.log(n_ratings))))
        seen = generator.choice(len(attributes), min(n, len(attributes)), replace=False)
        taste = TASTES[number % len(TASTES)]
        liking = attributes @ taste / np.sqrt(np.square(taste).sum() / 3)  # uniform: variance 1 / 3
        rated = liking[seen] + generator.normal(0, noise, len(seen))
        shares = generator.dirichlet(HABIT * SCORE_SHARES)
        limits = np.quantile(rated, np.cumsum(shares)[:-1])
        yield Worker(liking, limits, seen, 1 + np.searchsorted(limits, rated))


def _generator_of_images(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed_for(seed, "simulated images"))


def _draw_attributes(n_images: int, generator: np.random.Generator) -> NDArray[np.float64]:
    return generator.uniform(-1, 1, (n_images, len(ATTRIBUTES)))


def _table_of_ratings(workers: Iterable[Worker], names: list[str]) -> pd.DataFrame:
    tables = [
        pd.DataFrame(
            {
                "worker": f"SIMULATED{number:05d}",
                "imagePair": [names[image] for image in worker.seen],
                "score": worker.scores,
            }
        )
        for number, worker in enumerate(workers)
    ]
    return pd.concat(tables, ignore_index=True)


def _write_tables(ratings: pd.DataFrame, folder: Path) -> None:
    # The real header has a blank after each comma.
    ratings.to_csv(folder / RATINGS, index=False, header=["worker", " imagePair", " score"])
    means = ratings.groupby("imagePair")["score"].mean().sub(1).div(4)
    lines = [f"{name} {mean:.4f}\n" for name, mean in means.items()]
    lines[::7] = [f" {line}" for line in lines[::7]]  # as some of the real ones have
    (folder / MEAN_SCORES).write_text("".join(lines), encoding="utf-8")


def _write_archive(
    attributes: NDArray[np.float64],
    names: list[str],
    path: Path,
    generator: np.random.Generator,
) -> None:
    """Write the photographs; now and then one is missing, cut off, grey, CMYK or turned."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number, (name, values) in enumerate(zip(names, attributes, strict=True)):
            image = Image.fromarray(draw_image(values, generator))
            if number % 97 == 13:
                continue
            exif = Image.Exif()
            if number % 10 == 3:
                exif[0x0112] = 6  # orientation: turn by 90 degrees to see it upright
                image = image.transpose(Image.Transpose.ROTATE_90)
            if number % 23 == 5:
                image = image.convert("L")
            if number % 23 == 11:
                image = image.convert("CMYK")
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=90, exif=exif)
            encoded = buffer.getvalue()
            if number % 193 == 7:
                encoded = encoded[: len(encoded) // 2]
            archive.writestr(zipfile.ZipInfo(f"{PHOTO_FOLDER}/{name}", EPOCH), encoded)

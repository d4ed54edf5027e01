"""A simulated FLICKR-AES, in the real one's file formats and with their quirks: a stand-in.

Every image is made from a few visible attributes, every worker weighs them in an own way, and a
score says how much the worker likes the sum. So one image has different labels at different
clients, as in FLICKR-AES, and what there is to learn is personal. Nothing measured on it speaks
about FLICKR-AES.
"""

import io
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from fedper.names import PHOTO_ARCHIVE, PHOTO_FOLDER, RATINGS
from fedper.randomness import seed_for

ATTRIBUTES = ("brightness", "warmth", "saturation", "texture", "symmetry")

SCORE_SHARES = np.array([0.15, 0.2, 0.3, 0.2, 0.15])
"""How often workers give each score from 1 to 5, on average; every worker has habits."""

HABIT = 20
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
        generator = np.random.default_rng(seed_for(seed, "simulated images"))
        attributes = generator.uniform(-1, 1, (n_images, len(ATTRIBUTES)))
        names = [f"farm{1 + i % 9}_{i:05d}_simulated_b.jpg" for i in range(n_images)]
        ratings = _rate(attributes, names, n_workers, n_ratings, noise, seed)
        _write_tables(ratings, made)
        _write_archive(attributes, names, made / PHOTO_ARCHIVE, generator)
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)


def draw_image(
    attributes: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw an image of random size that shows its attributes (each in -1 … 1): uint8 [H, W, 3].

    A few soft blobs on a ground: warmth is their hue, from blue to orange; symmetry how much the
    right half mirrors the left; texture the strength of grain; the rest as in photography.
    """
    brightness, warmth, saturation, texture, symmetry = attributes
    height, width = generator.integers(48, 97, size=2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]

    def blobs(centre_x: NDArray[np.float64]) -> NDArray[np.float64]:
        return sum(
            np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r**2))
            for cx, cy, r in zip(centre_x, centres_y, radii, strict=True)
        )

    centres_x, centres_y = generator.uniform(-1, 1, (2, 4))
    radii = generator.uniform(0.15, 0.45, 4)
    pattern = blobs(centres_x)
    mirrored = (pattern + pattern[:, ::-1]) / 2
    share = (symmetry + 1) / 2
    grey = 0.5 + 0.25 * brightness + 0.3 * (share * mirrored + (1 - share) * pattern - 0.4)
    grain = generator.normal(size=(height, width)) * 0.12 * (texture + 1) / 2
    colour = 0.3 * (saturation + 1) / 2 * np.array([1, 0.1, -1]) * warmth
    pixels = (grey + grain)[:, :, None] + colour
    return (pixels.clip(0, 1) * 255).round().astype(np.uint8)


def _rate(
    attributes: NDArray[np.float64],
    names: list[str],
    n_workers: int,
    n_ratings: tuple[int, int],
    noise: float,
    seed: int,
) -> pd.DataFrame:
    tables = []
    for worker in range(n_workers):
        generator = np.random.default_rng(seed_for(seed, "simulated worker", worker))
        n = round(np.exp(generator.uniform(*np.log(n_ratings))))
        seen = generator.choice(len(names), min(n, len(names)), replace=False)
        weights = generator.normal(size=len(ATTRIBUTES))
        liking = attributes[seen] @ weights
        liking = (liking - liking.mean()) / liking.std() + generator.normal(0, noise, len(seen))
        shares = generator.dirichlet(HABIT * SCORE_SHARES)
        limits = np.quantile(liking, np.cumsum(shares)[:-1])
        tables.append(
            pd.DataFrame(
                {
                    "worker": f"SIMULATED{worker:05d}",
                    "imagePair": [names[image] for image in seen],
                    "score": 1 + np.searchsorted(limits, liking),
                }
            )
        )
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

"""The digits of :mod:`fedper.data.digits` in ten inks: a stand-in of 100 classes, for CIFAR-100."""

import colorsys

import numpy as np
import torch

from fedper.data.dataset import Dataset, Split, make_dataset
from fedper.data.digits import draw_moves, resample, split_digits
from fedper.randomness import seed_for

INKS = np.array([colorsys.hsv_to_rgb(number / 10, 1, 1) for number in range(10)])
"""Red, green and blue of each ink, in 0 … 1: ten hues, equally far apart on the colour wheel."""


def make(
    image_size: int,
    test_fraction: float,
    train_images_per_class: int,
    test_images_per_class: int,
    rotation_degrees: float,
    shift: float,
    seed: int,
) -> Dataset:
    """Write digits in coloured ink on black; class 47 is a 4 in ink 7, a hundred classes.

    The digits are split first, so no digit is seen on both sides. For every class, digits are
    drawn with replacement and enlarged to ``image_size`` pixels a side; each training digit is
    rotated by up to ``rotation_degrees`` and moved by up to ``shift`` of its width, test digits are
    as they are.
    """
    sides = []
    for side, (digits, labels), n_per_class in zip(
        ("train", "test"),
        split_digits(test_fraction, seed),
        (train_images_per_class, test_images_per_class),
        strict=True,
    ):
        generator = np.random.default_rng(seed_for(seed, "coloured digits", side))
        classes = np.repeat(np.arange(100), n_per_class)
        shapes, inks = np.divmod(classes, 10)
        rows = np.empty(len(classes), dtype=np.int64)
        for digit in range(10):
            here = shapes == digit
            rows[here] = generator.choice(np.flatnonzero(labels == digit), here.sum())
        moves = draw_moves(len(rows), rotation_degrees, shift, seed, "coloured")
        moves = moves if side == "train" else torch.zeros_like(moves)
        grey = resample(digits[rows], moves, (image_size, image_size)).numpy()
        coloured = grey[:, None] * INKS[inks][:, :, None, None]
        sides.append(Split(coloured.round().astype(np.uint8), classes.astype(np.int64)))
    return make_dataset(
        *sides,
        n_classes=100,
        provenance={
            "source": "coloured_digits",
            "note": "stand-in: handwritten digits of scikit-learn (UCI optdigits) in ten inks",
        },
    )

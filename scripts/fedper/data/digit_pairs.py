"""Pairs of the digits of :mod:`fedper.data.digits`: a stand-in of 100 classes, for CIFAR-100."""

import numpy as np
import torch

from fedper.data.dataset import Dataset, Split, make_dataset
from fedper.data.digits import draw_moves, resample, split_digits, to_rgb
from fedper.randomness import seed_for


def make(
    image_size: int,
    test_fraction: float,
    train_images_per_class: int,
    test_images_per_class: int,
    rotation_degrees: float,
    shift: float,
    seed: int,
) -> Dataset:
    """Put two digits beside each other: class 47 is a 4, then a 7; a hundred classes.

    The digits are split first, so no digit is seen on both sides. For every class, pairs are
    drawn with replacement; each digit of a training pair is rotated by up to ``rotation_degrees``
    and moved by up to ``shift`` of its width, those of test pairs are as they are. An image is
    ``image_size`` (even) pixels a side, each digit half as wide.
    """
    sides = []
    for side, (digits, labels), n_per_class in zip(
        ("train", "test"),
        split_digits(test_fraction, seed),
        (train_images_per_class, test_images_per_class),
        strict=True,
    ):
        generator = np.random.default_rng(seed_for(seed, "digit pairs", side))
        classes = np.repeat(np.arange(100), n_per_class)
        halves = []
        for place, wanted in (("tens", classes // 10), ("ones", classes % 10)):
            rows = np.empty(len(classes), dtype=np.int64)
            for digit in range(10):
                of_digit = np.flatnonzero(labels == digit)
                rows[wanted == digit] = generator.choice(of_digit, (wanted == digit).sum())
            moves = draw_moves(len(rows), rotation_degrees, shift, seed, place)
            moves = moves if side == "train" else torch.zeros_like(moves)
            halves.append(resample(digits[rows], moves, (image_size, image_size // 2)))
        sides.append(Split(to_rgb(torch.cat(halves, dim=2)), classes.astype(np.int64)))
    return make_dataset(
        *sides,
        n_classes=100,
        provenance={
            "source": "digit_pairs",
            "note": "stand-in: pairs of handwritten digits of scikit-learn (UCI optdigits)",
        },
    )

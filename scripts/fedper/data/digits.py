"""Handwritten digits that ship inside scikit-learn: stand-ins for CIFAR-10 and CIFAR-100.

1,797 real digits of 8 x 8 pixels (UCI optdigits, test part), brought to RGB images of CIFAR's
size, so the quick scale needs no download: one digit an image for ten classes, two beside each
other for a hundred. Nothing measured on them speaks about CIFAR.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from fedper.data.dataset import Dataset, Split, make_dataset
from fedper.randomness import seed_for


def make_digits_dataset(
    image_size: int,
    test_fraction: float,
    copies: int,
    rotation_degrees: float,
    shift: float,
    seed: int,
) -> Dataset:
    """Split the digits, stratified by class, and enlarge them to ``image_size`` pixels a side.

    There are so few digits that each training digit appears ``copies`` times, once as it is and
    otherwise rotated by up to ``rotation_degrees`` and moved by up to ``shift`` of the image's
    width. All copies of a digit are on the same side of the split; test digits are as they are.
    """
    (train, train_labels), (test, test_labels) = _split_digits(test_fraction, seed)
    moves = torch.cat(
        [
            torch.zeros(len(train), 3),
            _draw_moves((copies - 1) * len(train), rotation_degrees, shift, seed),
        ]
    )
    size = (image_size, image_size)
    copied = _resample(train.repeat(copies, 1, 1), moves, size)
    still = _resample(test, torch.zeros(len(test), 3), size)
    return make_dataset(
        Split(_to_rgb(copied), np.tile(train_labels, copies)),
        Split(_to_rgb(still), test_labels),
        n_classes=10,
        provenance={
            "source": "digits",
            "note": "stand-in: handwritten digits of scikit-learn (UCI optdigits)",
        },
    )


def make_digit_pairs_dataset(
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
        _split_digits(test_fraction, seed),
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
            moves = _draw_moves(len(rows), rotation_degrees, shift, seed, place)
            moves = moves if side == "train" else torch.zeros_like(moves)
            halves.append(_resample(digits[rows], moves, (image_size, image_size // 2)))
        sides.append(Split(_to_rgb(torch.cat(halves, dim=2)), classes.astype(np.int64)))
    return make_dataset(
        *sides,
        n_classes=100,
        provenance={
            "source": "digit_pairs",
            "note": "stand-in: pairs of handwritten digits of scikit-learn (UCI optdigits)",
        },
    )


def _split_digits(test_fraction: float, seed: int) -> list[tuple[Tensor, NDArray[np.int64]]]:
    """Split stratified by class: for each side images float [n, 8, 8] in 0 … 1, and labels."""
    digits = load_digits()
    sides = train_test_split(
        np.arange(len(digits.target)),
        test_size=test_fraction,
        stratify=digits.target,
        random_state=seed_for(seed, "digits split") % 2**32,
    )
    return [
        (torch.from_numpy(digits.images[rows]).float() / 16, digits.target[rows].astype(np.int64))
        for rows in sides
    ]


def _draw_moves(n: int, rotation_degrees: float, shift: float, seed: int, *what: str) -> Tensor:
    """Draw rotations and shifts as :func:`_resample` takes them."""
    generator = torch.Generator().manual_seed(seed_for(seed, "digits jitter", *what))
    moves = torch.rand(n, 3, generator=generator) * 2 - 1
    return moves * torch.tensor([math.radians(rotation_degrees), 2 * shift, 2 * shift])


def _resample(images: Tensor, moves: Tensor, size: tuple[int, int]) -> Tensor:
    """Rotate and move float images [n, h, w] in 0 … 1; return uint8 [n, *size].

    moves: float [n, 3], an angle in radians and shifts in x and y, in half image widths.
    """
    angle, x, y = moves.unbind(dim=1)
    rows = (
        torch.stack([angle.cos(), -angle.sin(), x], dim=1),
        torch.stack([angle.sin(), angle.cos(), y], dim=1),
    )
    grid = affine_grid(torch.stack(rows, dim=1), [len(images), 1, *size], align_corners=False)
    enlarged = grid_sample(images.unsqueeze(1), grid, mode="bicubic", align_corners=False)
    return (enlarged.squeeze(1).clamp(0, 1) * 255).round().to(torch.uint8)


def _to_rgb(images: Tensor) -> NDArray[np.uint8]:
    """Repeat grey images uint8 [n, h, w] for three channels: [n, 3, h, w]."""
    return images.unsqueeze(1).expand(-1, 3, -1, -1).contiguous().numpy()

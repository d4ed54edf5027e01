"""Handwritten digits that ship inside scikit-learn: a stand-in of ten classes, for CIFAR-10.

1,797 real digits of 8 x 8 pixels (UCI optdigits, test part), brought to RGB images of CIFAR's
size, so the quick scale needs no download. Nothing measured on them speaks about CIFAR.
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


def make(
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
    (train, train_labels), (test, test_labels) = split_digits(test_fraction, seed)
    moves = torch.cat(
        [
            torch.zeros(len(train), 3),
            draw_moves((copies - 1) * len(train), rotation_degrees, shift, seed),
        ]
    )
    size = (image_size, image_size)
    copied = resample(train.repeat(copies, 1, 1), moves, size)
    still = resample(test, torch.zeros(len(test), 3), size)
    return make_dataset(
        Split(to_rgb(copied), np.tile(train_labels, copies)),
        Split(to_rgb(still), test_labels),
        n_classes=10,
        provenance={
            "source": "digits",
            "note": "stand-in: handwritten digits of scikit-learn (UCI optdigits)",
        },
    )


def split_digits(test_fraction: float, seed: int) -> list[tuple[Tensor, NDArray[np.int64]]]:
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


def draw_moves(n: int, rotation_degrees: float, shift: float, seed: int, *what: str) -> Tensor:
    """Draw rotations and shifts as :func:`resample` takes them."""
    generator = torch.Generator().manual_seed(seed_for(seed, "digits jitter", *what))
    moves = torch.rand(n, 3, generator=generator) * 2 - 1
    return moves * torch.tensor([math.radians(rotation_degrees), 2 * shift, 2 * shift])


def resample(images: Tensor, moves: Tensor, size: tuple[int, int]) -> Tensor:
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


def to_rgb(images: Tensor) -> NDArray[np.uint8]:
    """Repeat grey images uint8 [n, h, w] for three channels: [n, 3, h, w]."""
    return images.unsqueeze(1).expand(-1, 3, -1, -1).contiguous().numpy()

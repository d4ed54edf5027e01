"""Handwritten digits that ship inside scikit-learn: the stand-in for CIFAR-10.

1,797 real digits of 8 x 8 pixels (UCI optdigits, test part), brought to RGB images of CIFAR's
size, so the quick scale needs no download. Nothing measured on them speaks about CIFAR-10.
"""

import math

import numpy as np
import torch
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
    digits = load_digits()
    rows = train_test_split(
        np.arange(len(digits.target)),
        test_size=test_fraction,
        stratify=digits.target,
        random_state=seed_for(seed, "digits split") % 2**32,
    )
    train, test = (torch.from_numpy(digits.images[part]).float() / 16 for part in rows)
    train_labels, test_labels = (digits.target[part].astype(np.int64) for part in rows)

    generator = torch.Generator().manual_seed(seed_for(seed, "digits jitter"))
    originals = torch.zeros(len(train), 3)
    jitter = torch.rand((copies - 1) * len(train), 3, generator=generator) * 2 - 1
    jitter *= torch.tensor([math.radians(rotation_degrees), 2 * shift, 2 * shift])
    copied = _resample(train.repeat(copies, 1, 1), torch.cat([originals, jitter]), image_size)
    provenance = {
        "source": "digits",
        "note": "stand-in: handwritten digits of scikit-learn (UCI optdigits)",
    }
    return make_dataset(
        Split(copied, np.tile(train_labels, copies)),
        Split(_resample(test, torch.zeros(len(test), 3), image_size), test_labels),
        n_classes=10,
        provenance=provenance,
    )


def _resample(images: Tensor, moves: Tensor, image_size: int) -> np.ndarray:
    """Rotate and move float images [n, h, w] in 0 … 1; return uint8 [n, 3, size, size].

    moves: float [n, 3], an angle in radians and shifts in x and y, in half image widths.
    """
    angle, x, y = moves.unbind(dim=1)
    rows = (
        torch.stack([angle.cos(), -angle.sin(), x], dim=1),
        torch.stack([angle.sin(), angle.cos(), y], dim=1),
    )
    size = [len(images), 1, image_size, image_size]
    grid = affine_grid(torch.stack(rows, dim=1), size, align_corners=False)
    enlarged = grid_sample(images.unsqueeze(1), grid, mode="bicubic", align_corners=False)
    pixels = (enlarged.clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.expand(-1, 3, -1, -1).contiguous().numpy()

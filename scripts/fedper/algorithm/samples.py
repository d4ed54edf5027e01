"""Images on the device that trains on them, and which of them each client holds."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

PADDING = 4
"""Black pixels around an image that a random crop can reach, where images are augmented."""


@dataclass(frozen=True)
class DeviceSplit:
    """One split of a data set on one device, shared by all clients.

    Images stay uint8 until a batch is made of them, so all of CIFAR-10 takes 184 MB.

    Attributes:
        images: uint8 [N, 3, H, W].
        labels: int64 [N].
        mean: float32 [1, 3, 1, 1]; pixels x, scaled to 0 … 1, become (x - mean) / sd.
        sd: float32 [1, 3, 1, 1].
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    sd: Tensor

    def batch(self, rows: Tensor, moves: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Gather samples: normalised images float32 [B, 3, H, W], labels int64 [B].

        The images lie in memory channels last, as convolutions want them.

        Args:
            rows: int64 [B], which samples.
            moves: int64 [B, 3], how the images are augmented, as of :func:`draw_moves`; None leaves
                them as they are.
        """
        if moves is None:
            pixels = self.images.index_select(0, rows)
        else:
            pixels = moved(self.padded.index_select(0, rows), moves)
        pixels = pixels.to(torch.float32, memory_format=torch.channels_last)
        return pixels.div_(255).sub_(self.mean).div_(self.sd), self.labels.index_select(0, rows)

    @cached_property
    def padded(self) -> Tensor:
        """The images with PADDING black pixels on each side: uint8 [N, 3, H + 8, W + 8]."""
        return pad(self.images, [PADDING] * 4)


def draw_moves(n: int, generator: torch.Generator) -> Tensor:
    """Draw where n images are cropped, and which are flipped: int64 [n, 3]; down, right, flip."""
    shifts = torch.randint(0, 2 * PADDING + 1, (n, 2), generator=generator)
    return torch.cat([shifts, torch.randint(0, 2, (n, 1), generator=generator)], dim=1)


def moved(padded: Tensor, moves: Tensor) -> Tensor:
    """Crop and flip padded images (uint8 [B, 3, H + 8, W + 8]) by ``moves``: uint8 [B, 3, H, W]."""
    n, _, height, width = padded.shape
    down, right, flip = moves[:, :, None].unbind(1)  # int64 [B, 1]
    rows = down + torch.arange(height - 2 * PADDING, device=moves.device)
    columns = torch.arange(width - 2 * PADDING, device=moves.device)
    columns = right + torch.where(flip == 1, columns.flip(0), columns)
    images = torch.arange(n, device=moves.device)[:, None, None]
    pixels = padded.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]]
    return pixels.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Samples:
    """The samples of one client.

    Attributes:
        split: shared by all clients.
        rows: int64 [n], which samples of the split; on the same device.
        smallest_batch: 2 where the model cannot train on a single image (BatchNorm on 1 x 1 maps).
    """

    split: DeviceSplit
    rows: Tensor
    smallest_batch: int = 1

    def __len__(self) -> int:
        """Count the samples: n_j of the paper."""
        return len(self.rows)

    def batches(self, size: int) -> list[Tensor]:
        """List the rows of all samples in order, ``size`` at a time.

        A last batch that is too small for the model is added to the one before.
        """
        n_last = len(self) % size
        n_whole = len(self) - (n_last if 0 < n_last < self.smallest_batch else 0)
        *batches, last = self.rows[:n_whole].split(size) or [self.rows]
        return [*batches, torch.cat([last, self.rows[n_whole:]])]

    def chunks(self, size: int) -> list[Tensor]:
        """List the rows of all samples in order, in chunks of ``size`` at most.

        Their lengths differ by one at most.
        """
        return list(self.rows.tensor_split(-(-len(self) // size)))

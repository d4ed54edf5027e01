"""Images on the device that trains on them, and which of them each client holds."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DeviceSplit:
    """One split of a data set on one device, shared by all clients.

    Images stay uint8 until a batch is made of them, so even the whole of CIFAR-10 takes 184 MB.

    images: uint8 [N, 3, H, W].
    labels: int64 [N].  mean, sd: float32 [1, 3, 1, 1], of the training set's pixels scaled to
    0 … 1.
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    sd: Tensor

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Gather samples: normalised images float32 [B, 3, H, W], labels int64 [B].

        The images lie in memory channels last, as convolutions want them.
        """
        pixels = self.images.index_select(0, rows)
        pixels = pixels.to(torch.float32, memory_format=torch.channels_last)
        return pixels.div_(255).sub_(self.mean).div_(self.sd), self.labels.index_select(0, rows)


@dataclass(frozen=True)
class Samples:
    """The samples of one client: ``rows`` (int64 [n], on the same device) of a shared split."""

    split: DeviceSplit
    rows: Tensor

    def __len__(self) -> int:
        """Count the samples: n_j of the paper."""
        return len(self.rows)

    def chunks(self, size: int) -> list[Tensor]:
        """Rows of all samples in order, in chunks of at most ``size`` that differ by one."""
        return list(self.rows.tensor_split(-(-len(self) // size)))

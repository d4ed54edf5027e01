"""The samples of one client, ready to be cut into batches."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """Images and labels on one device; images stay uint8 until a batch is made of them.

    images: uint8 [n, 3, H, W], channels-last in memory.  labels: int64 [n].
    mean, sd: float32 [1, 3, 1, 1], of the training set's pixels scaled to 0 … 1.
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    sd: Tensor

    def __len__(self) -> int:
        """Count the samples: n_j of the paper."""
        return len(self.labels)

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Gather samples: normalised images float32 [B, 3, H, W], labels int64 [B]."""
        pixels = self.images[index].to(torch.float32).div_(255)
        images = pixels.sub_(self.mean).div_(self.sd)
        return images.contiguous(memory_format=torch.channels_last), self.labels[index]

    def chunks(self, size: int) -> list[Tensor]:
        """Indices of all samples in order, in chunks of at most ``size`` that differ by one."""
        n_chunks = -(-len(self) // size)
        return list(torch.arange(len(self), device=self.labels.device).tensor_split(n_chunks))

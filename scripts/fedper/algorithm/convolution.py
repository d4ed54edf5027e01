"""Convolutions on small maps, as matrix products: the same numbers up to rounding, sooner."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class MatmulConv2d(nn.Conv2d):
    """A convolution that is computed as a matrix product where that multiplies nothing in vain.

    That is so for kernels of 1 x 1, and for maps so small that each output pixel sees all of them:
    on CIFAR's 32 x 32 pixels both models end in maps of 2 x 2 and 1 x 1, where most taps of a
    3 x 3 kernel multiply padding. The result is the convolution's up to rounding; weights, their
    names and their initialisation are those of ``nn.Conv2d``. For square maps, kernels, strides
    and paddings, without dilation or bias; all other cases are left to PyTorch.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x: float [B, C, H, H]; return float [B, C', H', H']."""
        kernel, stride, padding = self.kernel_size[0], self.stride[0], self.padding[0]
        n_in = x.shape[-1]
        if kernel == 1 and padding == 0 and self.groups == 1:
            pixels = x[:, :, ::stride, ::stride].permute(0, 2, 3, 1)
            return linear(pixels, self.weight.flatten(1)).permute(0, 3, 1, 2)
        n_out = (n_in + 2 * padding - kernel) // stride + 1
        # Along one axis, the input pixel i meets the output pixel o at the tap first[o] + i.
        first = [padding - stride * o for o in range(n_out)]
        if min(first) < 0 or max(first) + n_in > kernel or 1 < self.groups < self.in_channels:
            return super().forward(x)
        if self.groups > 1:
            return self._depthwise(x, first)
        # in the order of channels-last memory: [C', kernel, kernel, C] -> [H', W', C', H, W, C]
        taps = self.weight.permute(0, 2, 3, 1)
        taps = torch.stack([taps[:, f : f + n_in] for f in first])
        taps = torch.stack([taps[:, :, :, f : f + n_in] for f in first], dim=1)
        matrix = taps.view(n_out**2 * self.out_channels, -1)
        outputs = linear(x.permute(0, 2, 3, 1).flatten(1), matrix)
        return outputs.view(-1, n_out, n_out, self.out_channels).permute(0, 3, 1, 2)

    def _depthwise(self, x: Tensor, first: list[int]) -> Tensor:
        """Convolve each channel with its own kernel; only for one output pixel is that sooner."""
        if len(first) > 1 or self.out_channels != self.in_channels:
            return super().forward(x)
        (f,), n_in = first, x.shape[-1]
        return (x * self.weight[:, 0, f : f + n_in, f : f + n_in]).sum((2, 3), keepdim=True)

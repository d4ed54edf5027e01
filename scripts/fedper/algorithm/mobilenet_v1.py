"""MobileNet-v1 (Howard et al. 2017)."""

from itertools import pairwise

from torch import nn

from fedper.algorithm.blocks import classifier, conv_norm, scaled, sequence

BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
"""Output channels and stride of each depthwise-separable block (Howard et al. 2017, table 1)."""


def mobilenet_v1(n_classes: int, width: float, stem: str) -> nn.Sequential:
    """MobileNet-v1: stem, 13 depthwise-separable blocks, classifier. Takes float [B, 3, H, W].

    ``width`` multiplies all channel counts. ``stem`` is "imagenet" (stride 2, as published) or
    "cifar" (stride 1).
    """
    channels = [scaled(c, width) for c in (32, *(c for c, _ in BLOCKS))]
    first = conv_norm(3, channels[0], kernel_size=3, stride=2 if stem == "imagenet" else 1)
    blocks = [
        nn.Sequential(
            conv_norm(n_in, n_in, kernel_size=3, stride=stride, groups=n_in),
            conv_norm(n_in, n_out, kernel_size=1),
        )
        for (n_in, n_out), (_, stride) in zip(pairwise(channels), BLOCKS, strict=True)
    ]
    return sequence(first, blocks, classifier(channels[-1], n_classes))

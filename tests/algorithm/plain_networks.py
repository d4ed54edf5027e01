"""The authors' two networks in plain PyTorch, written from the facts known of their code.

Layers are the children of one nn.Sequential: stem, basic blocks, head (pooling and classifier). The
last K_P of them are personal, so K_P = 1 is the classifier alone, and each step more adds the next
basic block below.
"""

import torch
from torch import Tensor, nn

MOBILENET = (
    [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    + [(512, 1)] * 5
    + [(1024, 2), (1024, 1)]
)
"""Channels and stride of the 13 depthwise-separable blocks."""
RESNET34 = [(64, 3), (128, 4), (256, 6), (512, 3)]
"""Channels and number of basic blocks of each stage; all but the first begin by halving the map."""


def stem(channels: int) -> nn.Sequential:
    """Three planes to `channels`, the map as large as the image: 3 x 3, stride 1, no pooling."""
    convolution = nn.Conv2d(3, channels, 3, stride=1, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())


def head(channels: int, n_classes: int) -> nn.Sequential:
    """Average pooling over the whole map, and the classifier."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, n_classes))


class DepthwiseSeparable(nn.Module):
    """A 3 x 3 convolution of each channel by itself, then a 1 x 1 convolution over the channels."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(n_in, n_in, 3, stride=stride, padding=1, groups=n_in, bias=False)
        self.norm1 = nn.BatchNorm2d(n_in)
        self.pointwise = nn.Conv2d(n_in, n_out, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.depthwise(x)))
        return torch.relu(self.norm2(self.pointwise(x)))


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: of 1 x 1 where the shape changes, else as it is."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def mobilenet_v1(n_classes: int, width: float = 1.0) -> nn.Sequential:
    """MobileNet-v1 for 32 x 32 pixels: 15 layers, the last map 2 x 2."""
    n_in = int(32 * width)
    layers: list[nn.Module] = [stem(n_in)]
    for channels, stride in MOBILENET:
        layers.append(DepthwiseSeparable(n_in, int(channels * width), stride))
        n_in = int(channels * width)
    return nn.Sequential(*layers, head(n_in, n_classes))


def resnet34(n_classes: int, width: float = 1.0) -> nn.Sequential:
    """ResNet-34 for 32 x 32 pixels: 18 layers, the last map 4 x 4."""
    n_in = int(64 * width)
    layers: list[nn.Module] = [stem(n_in)]
    for stage, (channels, n_blocks) in enumerate(RESNET34):
        for block in range(n_blocks):
            layers.append(
                Residual(n_in, int(channels * width), 2 if stage > 0 and block == 0 else 1)
            )
            n_in = int(channels * width)
    return nn.Sequential(*layers, head(n_in, n_classes))

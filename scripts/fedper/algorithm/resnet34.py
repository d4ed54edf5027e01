"""ResNet-34 (He et al. 2016)."""

from torch import Tensor, nn

from fedper.algorithm.blocks import classifier, conv_norm, scaled, sequence
from fedper.algorithm.convolution import MatmulConv2d

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Channels and number of basic blocks of each stage (He et al. 2016, table 1)."""


def resnet34(n_classes: int, width: float, stem: str) -> nn.Sequential:
    """ResNet-34: stem, 16 basic blocks, classifier. Takes float images [B, 3, H, W].

    ``width`` multiplies all channel counts. ``stem`` is "imagenet" (7 x 7, stride 2, and pooling,
    as published) or "cifar" (3 x 3, stride 1, no pooling).
    """
    n_channels = scaled(STAGES[0][0], width)
    if stem == "imagenet":
        first = conv_norm(3, n_channels, kernel_size=7, stride=2)
        first.append(nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
    else:
        first = conv_norm(3, n_channels, kernel_size=3)
    blocks = []
    for stage, (channels, n_blocks) in enumerate(STAGES):
        for block in range(n_blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            blocks.append(BasicBlock(n_channels, scaled(channels, width), stride))
            n_channels = scaled(channels, width)
    return sequence(first, blocks, classifier(n_channels, n_classes))


class BasicBlock(nn.Module):
    """The residual block of ResNet-34 (He et al. 2016, figure 2), named as in torchvision."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = MatmulConv2d(n_in, n_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = MatmulConv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample = nn.Sequential()
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                MatmulConv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Add what two convolutions make of x to x: float [B, C, H, H] to [B, C', H', H']."""
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        return self.relu(residual + self.downsample(x))

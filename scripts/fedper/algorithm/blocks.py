"""What the models are put together from."""

from collections import OrderedDict

from torch import nn

from fedper.algorithm.convolution import MatmulConv2d


def scaled(channels: int, width: float) -> int:
    """Multiply a number of channels by a model's width; at least one is left."""
    return max(1, round(channels * width))


def conv_norm(
    n_in: int, n_out: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Make a convolution without bias, BatchNorm and ReLU; padded to keep the map's size."""
    convolution = MatmulConv2d(
        n_in, n_out, kernel_size, stride, padding=kernel_size // 2, groups=groups, bias=False
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


def classifier(n_channels: int, n_classes: int) -> nn.Sequential:
    """Make the last layer, with the average over the map before it."""
    return nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(n_channels, n_classes)
        )
    )


def sequence(stem: nn.Module, blocks: list[nn.Module], classifier: nn.Module) -> nn.Sequential:
    """Name the layers that K_P can count: stem, block1 …, classifier."""
    numbered = ((f"block{i}", block) for i, block in enumerate(blocks, start=1))
    return nn.Sequential(OrderedDict([("stem", stem), *numbered, ("classifier", classifier)]))

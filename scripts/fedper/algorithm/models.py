"""ResNet-34 and MobileNet-v1 as sequences of named blocks, and the cut that K_P makes in them.

Both are ``nn.Sequential``s of a ``stem``, the basic blocks ``block1`` …, and the ``classifier``
with its pooling. Counted from the end, the first K_P entries are the personalization layers (the
classifier first, then the block below it, and so on; paper, section 3), all others are the base.
Weights and BatchNorm buffers belong to the block that they stand in.
"""

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

from fedper.algorithm.convolution import MatmulConv2d

RESNET34_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Channels and number of basic blocks of each stage (He et al. 2016, table 1)."""

MOBILENET_V1_BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
"""Output channels and stride of each depthwise-separable block (Howard et al. 2017, table 1)."""


def resnet34(n_classes: int, width: float, stem: str) -> nn.Sequential:
    """ResNet-34: stem, 16 basic blocks, classifier. Takes float images [B, 3, H, W].

    ``width`` multiplies all channel counts. ``stem`` is "imagenet" (7 x 7, stride 2, and pooling,
    as published) or "cifar" (3 x 3, stride 1, no pooling).
    """
    n_channels = _scaled(RESNET34_STAGES[0][0], width)
    if stem == "imagenet":
        first = _conv_norm(3, n_channels, kernel_size=7, stride=2)
        first.append(nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
    else:
        first = _conv_norm(3, n_channels, kernel_size=3)
    blocks = []
    for stage, (channels, n_blocks) in enumerate(RESNET34_STAGES):
        for block in range(n_blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            blocks.append(BasicBlock(n_channels, _scaled(channels, width), stride))
            n_channels = _scaled(channels, width)
    return _sequence(first, blocks, _classifier(n_channels, n_classes))


def mobilenet_v1(n_classes: int, width: float, stem: str) -> nn.Sequential:
    """MobileNet-v1: stem, 13 depthwise-separable blocks, classifier. Takes float [B, 3, H, W].

    ``width`` multiplies all channel counts. ``stem`` is "imagenet" (stride 2, as published) or
    "cifar" (stride 1).
    """
    channels = [_scaled(c, width) for c in (32, *(c for c, _ in MOBILENET_V1_BLOCKS))]
    first = _conv_norm(3, channels[0], kernel_size=3, stride=2 if stem == "imagenet" else 1)
    blocks = [
        nn.Sequential(
            _conv_norm(n_in, n_in, kernel_size=3, stride=stride, groups=n_in),
            _conv_norm(n_in, n_out, kernel_size=1),
        )
        for (n_in, n_out), (_, stride) in zip(pairwise(channels), MOBILENET_V1_BLOCKS, strict=True)
    ]
    return _sequence(first, blocks, _classifier(channels[-1], n_classes))


MODELS: dict[str, Callable[[int, float, str], nn.Sequential]] = {
    "mobilenet_v1": mobilenet_v1,
    "resnet34": resnet34,
}


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


def split(model: nn.Sequential, personalization_layers: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Cut a model into base and personalization layers; both share their tensors with it."""
    cut = len(model) - personalization_layers
    return model[:cut], model[cut:]


def with_linear_base(
    model: nn.Sequential, personalization_layers: int, image_size: tuple[int, int]
) -> nn.Sequential:
    """Replace the whole base by one linear layer from an image's pixels (ablation of claim C9).

    It gives as many numbers as the first personalization layer has input channels, as a feature
    map of 1 x 1; so the base is one layer, and the K_P personalization layers are the same.
    image_size: height and width in pixels.
    """
    _, personal = split(model, personalization_layers)
    weighted = (m for m in personal.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    first = next(weighted)
    n_channels = first.in_channels if isinstance(first, nn.Conv2d) else first.in_features
    n_pixels = 3 * image_size[0] * image_size[1]
    linear = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc=nn.Linear(n_pixels, n_channels),
            unflatten=nn.Unflatten(1, (n_channels, 1, 1)),
        )
    )
    return nn.Sequential(OrderedDict([("linear", linear), *personal.named_children()]))


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))


def _conv_norm(
    n_in: int, n_out: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    convolution = MatmulConv2d(
        n_in, n_out, kernel_size, stride, padding=kernel_size // 2, groups=groups, bias=False
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


def _classifier(n_channels: int, n_classes: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(n_channels, n_classes)
        )
    )


def _sequence(stem: nn.Module, blocks: list[nn.Module], classifier: nn.Module) -> nn.Sequential:
    numbered = ((f"block{i}", block) for i, block in enumerate(blocks, start=1))
    return nn.Sequential(OrderedDict([("stem", stem), *numbered, ("classifier", classifier)]))

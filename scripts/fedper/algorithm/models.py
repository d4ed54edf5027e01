"""Models as sequences of named blocks, and the cut that K_P makes in them.

Each is an ``nn.Sequential`` of a ``stem``, the basic blocks ``block1`` …, and the ``classifier``
with its pooling. Counted from the end, the first K_P entries are the personalization layers (the
classifier first, then the block below it, and so on; paper, section 3), all others are the base.
Weights and BatchNorm buffers belong to the block that they stand in.
"""

from collections import OrderedDict
from importlib import import_module

from torch import nn

from fedper.errors import InputError
from fedper.run import Method


def build_model(name: str, n_classes: int, width: float, stem: str) -> nn.Sequential:
    """Build a model with the function of its name in the module of its name in this folder.

    It takes float images [B, 3, H, W]. ``width`` multiplies all channel counts. ``stem`` is
    "imagenet" (as published) or "cifar" (stride 1, no pooling). Raises InputError if there is no
    such module.
    """
    try:
        make = getattr(import_module(f"fedper.algorithm.{name}"), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise InputError(
            f"model: '{name}', but no function of that name in fedper/algorithm/{name}.py"
        ) from error
    return make(n_classes, width, stem)


def split(model: nn.Sequential, method: Method) -> tuple[nn.Sequential, nn.Sequential]:
    """Cut a model into base and personalization layers; both share their tensors with it."""
    if method.personal == "first":
        return model[method.personalization_layers :], model[: method.personalization_layers]
    cut = len(model) - method.personalization_layers
    return model[:cut], model[cut:]


def with_linear_base(
    model: nn.Sequential, method: Method, image_size: tuple[int, int]
) -> nn.Sequential:
    """Replace the whole base by one linear layer from an image's pixels (ablation of claim C9).

    It gives as many numbers as the first personalization layer has input channels, as a feature
    map of 1 x 1; so the base is one layer, and the K_P personalization layers are the same.
    image_size: height and width in pixels.
    """
    _, personal = split(model, method)
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

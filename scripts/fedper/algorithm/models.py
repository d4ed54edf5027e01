"""Models as sequences of named blocks, and the cut that K_P makes in them.

Each is an ``nn.Sequential`` of a ``stem``, the basic blocks ``block1`` …, and the ``classifier``
with its pooling. Counted from the end, the first K_P entries are the personalization layers (the
classifier first, then the block below it, and so on; paper, section 3), all others are the base.
Weights and BatchNorm buffers belong to the block that they stand in.
"""

import math
from collections import OrderedDict
from copy import deepcopy
from importlib import import_module

import torch
from torch import nn

from fedper.errors import InputError
from fedper.method import Method


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

    It gives exactly the feature map that the personalization layers take from the base; of the
    classifier alone, what its pooling leaves, 1 x 1. image_size: height and width in pixels.
    """
    base, personal = split(model, method)
    with torch.no_grad():
        shape = deepcopy(base).eval()(torch.zeros(1, 3, *image_size)).shape[1:]
    if len(personal) == 1:
        shape = (shape[0], 1, 1)
    linear = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc=nn.Linear(3 * image_size[0] * image_size[1], math.prod(shape)),
            unflatten=nn.Unflatten(1, tuple(shape)),
        )
    )
    return nn.Sequential(OrderedDict([("linear", linear), *personal.named_children()]))

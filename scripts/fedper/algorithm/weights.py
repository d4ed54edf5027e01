"""Weights and BatchNorm buffers of layers: drawn, copied out of a model, and copied into one."""

from copy import deepcopy

import torch
from torch import nn

from fedper.algorithm.models import split
from fedper.algorithm.state import State
from fedper.randomness import seed_for
from fedper.run import Run


def initial_base(model: nn.Sequential, run: Run) -> State:
    """Draw W_B from the seed alone, so that all methods compared start from the same base."""
    base, _ = split(model, run.method)
    initialise(base, run.seed, "base")
    return snapshot(base)


def initial_personal(model: nn.Sequential, run: Run, client: int) -> State:
    """Draw W_P_j from the seed, and from the client's number where they are independent.

    Where they are the same, the whole network starts alike at all clients, whatever K_P is.
    """
    _, personal = split(model, run.method)
    return fresh_personal(personal, run, client)


def fresh_personal(personal: nn.Sequential, run: Run, client: int) -> State:
    """Draw the initial W_P_j on the CPU, whatever is in ``personal``, which stays as it is."""
    drawn = deepcopy(personal).to_empty(device="cpu")
    owner = ("personal", client) if run.initial_personal == "independent" else ("base",)
    initialise(drawn, run.seed, *owner)
    return snapshot(drawn)


def initialise(layers: nn.Sequential, seed: int, *owner: int | str) -> None:
    """Draw fresh weights for ``layers`` in place; reset their BatchNorm.

    Each block draws from a generator keyed by (seed, owner, block's name), so a block that two
    methods share starts from the same weights whatever K_P is. Convolutions: normal with variance
    2 / fan-in (He et al. 2015); the classifier: uniform, as in PyTorch.
    """
    for name, block in layers.named_children():
        generator = torch.Generator().manual_seed(seed_for(seed, "weights", *owner, name))
        for module in block.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            elif isinstance(module, nn.Linear):
                bound = module.in_features**-0.5
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()


def snapshot(layers: nn.Module) -> State:
    """Copy the weights and buffers of ``layers``."""
    return {name: tensor.clone() for name, tensor in layers.state_dict().items()}


def restore(layers: nn.Module, state: State) -> None:
    """Copy ``state`` into the weights and buffers of ``layers``.

    As ``load_state_dict``, without its walk through all modules: 1 ms a client. Raises KeyError if
    the names are not the same, ValueError if a shape is not.
    """
    own = layers.state_dict()
    if different := own.keys() ^ state.keys():
        raise KeyError(f"only in layers or only in the state: {', '.join(sorted(different))}")
    for name, tensor in own.items():
        if tensor.shape != state[name].shape:
            raise ValueError(f"{name}: {list(state[name].shape)}, not {list(tensor.shape)}")
        tensor.copy_(state[name])

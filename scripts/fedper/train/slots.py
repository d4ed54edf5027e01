"""The places in which clients train at once on a GPU; see :mod:`fedper.train.concurrent`."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from fedper.algorithm.samples import DeviceSplit
from fedper.algorithm.sgd import Momentum, batch_sizes, freeze_all_but, sgd_step, zero_momentum
from fedper.algorithm.state import Client
from fedper.run import Run

WARM_UP_STEPS = 3
"""Steps before a recording, in which libraries choose their kernels (PyTorch's CUDA notes)."""


@dataclass(frozen=True)
class Slot:
    """One of the places in which clients train at the same time; all of it is used in place.

    momentum: by the layers that are trained; it starts from zero in every phase.  stream: of the
    GPU, or None on a CPU.  rows, moves: int64 [B] and [B, 3] by B, what the next step of this size
    reads.  steps: what takes that step, by layers and B.  total_loss: float32 [], their sum.
    """

    model: nn.Sequential
    momentum: dict[str, Momentum]
    stream: torch.cuda.Stream | None
    rows: dict[int, Tensor]
    moves: dict[int, Tensor]
    steps: dict[tuple[str, int], Callable[[], None]]
    total_loss: Tensor


def make_slots(model: nn.Sequential, clients: list[Client], run: Run, n_slots: int) -> list[Slot]:
    """Copy ``model`` into at most ``n_slots`` slots, and record the steps that clients will take.

    The clients' training samples must share one split.
    """
    sizes = {size for client in clients for size in batch_sizes(client.train, run.batch_size)}
    split = clients[0].train.split
    n_slots = min(n_slots, len(clients))
    return [make_slot(deepcopy(model), split, sizes, run) for _ in range(n_slots)]


def make_slot(model: nn.Sequential, split: DeviceSplit, sizes: set[int], run: Run) -> Slot:
    """Make a slot out of ``model``, with a step for each size of batch and choice of layers."""
    device = split.labels.device
    model.train()
    phases = run.method.train + run.method.new_base
    slot = Slot(
        model=model,
        momentum={p.layers: zero_momentum(model, run.method, p.layers) for p in phases},
        stream=torch.cuda.Stream(device) if device.type == "cuda" else None,
        rows={size: torch.zeros(size, dtype=torch.int64, device=device) for size in sizes},
        moves={size: torch.zeros(size, 3, dtype=torch.int64, device=device) for size in sizes},
        steps={},
        total_loss=torch.zeros((), device=device),
    )

    def step(layers: str, size: int) -> None:
        momentum, moves = slot.momentum[layers], slot.moves[size]
        freeze_all_but(model, momentum)
        moves = None if run.augmentation == "none" else moves
        loss = sgd_step(model, momentum, split, slot.rows[size], moves, run)
        slot.total_loss.add_(loss)

    # The slot's graphs run one after another, so they can use the same memory.
    pool = torch.cuda.graph_pool_handle() if slot.stream else None
    for layers in slot.momentum:
        for size in sorted(sizes, reverse=True):
            slot.steps[layers, size] = record(partial(step, layers, size), slot.stream, pool)
    return slot


def record(
    step: Callable[[], None], stream: torch.cuda.Stream | None, pool: tuple[int, int] | None
) -> Callable[[], None]:
    """Turn ``step`` into the replay of a CUDA graph of its kernels; on a CPU, leave it as it is.

    pool: of the memory that the graph uses.
    """
    if stream is None:
        return step
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_STEPS):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=stream):
        step()
    return graph.replay

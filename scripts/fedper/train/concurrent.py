"""A round on a GPU: many clients train at the same time, each as a CUDA graph on its own stream.

One client's kernels are too small to fill a large GPU, and starting them one by one takes longer
than running them. So a few slots, each with a model of its own, record one step of SGD as a CUDA
graph for each size of batch, and replay it; slots take turns in launching, and their kernels
overlap. Clients go through the slots in waves, so memory does not grow with their number.

A slot runs the kernels of :func:`fedper.algorithm.sgd.sgd_step` on the batches of
:func:`fedper.algorithm.federated.client_update`, and the bases are summed in the clients' order, so a round
equals :func:`fedper.algorithm.federated.server_round`. On a CPU, where there is nothing to record, a slot
calls the step itself; that is for tests.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from fedper.algorithm.federated import load_layers, update_of
from fedper.run import Run
from fedper.algorithm.samples import DeviceSplit
from fedper.algorithm.server import Server
from fedper.algorithm.sgd import (
    Momentum,
    batch_generator,
    batch_sizes,
    draw_batches,
    sgd_step,
    zero_momentum,
)
from fedper.algorithm.state import Client, Report, State

WARM_UP_STEPS = 3
"""Steps before a recording, in which libraries choose their kernels (PyTorch's CUDA notes)."""


@dataclass(frozen=True)
class Slot:
    """One of the places in which clients train at the same time; all of it is used in place.

    stream: of the GPU, or None on a CPU.  rows: int64 [B] by B, the batch that the next step of
    this size reads.  steps: what takes that step, by B.  total_loss: float32 [], their sum.
    """

    model: nn.Sequential
    momentum: Momentum
    stream: torch.cuda.Stream | None
    rows: dict[int, Tensor]
    steps: dict[int, Callable[[], None]]
    total_loss: Tensor


def make_slots(model: nn.Sequential, clients: list[Client], run: Run, n_slots: int) -> list[Slot]:
    """Copy ``model`` into at most ``n_slots`` slots, and record the steps that clients will take.

    The clients' training samples must share one split.
    """
    sizes = {size for client in clients for size in batch_sizes(len(client.train), run.batch_size)}
    split = clients[0].train.split
    n_slots = min(n_slots, len(clients))
    return [make_slot(deepcopy(model), split, sizes, run) for _ in range(n_slots)]


def make_slot(model: nn.Sequential, split: DeviceSplit, sizes: set[int], run: Run) -> Slot:
    """Make a slot out of ``model``, with a step for each size of batch."""
    device = split.labels.device
    model.train()
    slot = Slot(
        model=model,
        momentum=zero_momentum(model),
        stream=torch.cuda.Stream(device) if device.type == "cuda" else None,
        rows={size: torch.zeros(size, dtype=torch.int64, device=device) for size in sizes},
        steps={},
        total_loss=torch.zeros((), device=device),
    )

    def step(size: int) -> None:
        slot.total_loss.add_(sgd_step(model, slot.momentum, split, slot.rows[size], run))

    # The slot's graphs run one after another, so they can use the same memory.
    pool = torch.cuda.graph_pool_handle() if slot.stream else None
    for size in sorted(sizes, reverse=True):
        slot.steps[size] = record(partial(step, size), slot.stream, pool)
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


def concurrent_round(
    slots: list[Slot], base: State, clients: list[Client], round_: int, run: Run
) -> tuple[State, list[Report]]:
    """Do what :func:`fedper.algorithm.federated.server_round` does, ``len(slots)`` clients at a time.

    The personal layers of so many clients are in memory twice meanwhile.
    """
    server = Server(base, clients)
    for first in range(0, len(clients), len(slots)):
        wave = clients[first : first + len(slots)]
        train_wave(slots[: len(wave)], wave, server, round_, run)
    return server.finish()


def train_wave(
    slots: list[Slot], clients: list[Client], server: Server, round_: int, run: Run
) -> None:
    """FEDPER-CLIENT(j) in every slot, one client in each; the server receives all, in order."""
    batches: list[list[Tensor]] = []
    for slot, client in zip(slots, clients, strict=True):
        load_layers(slot.model, server.download.base, client, run)
        forget(slot)
        generator = batch_generator(run, "batches", round_, client.number)
        batches.append(draw_batches(client.train, run.local_epochs, generator, run.batch_size))
        if slot.stream:
            slot.stream.wait_stream(torch.cuda.current_stream())
    for step in range(max(map(len, batches))):
        for slot, rows in zip(slots, batches, strict=True):
            if step < len(rows):
                take_step(slot, rows[step])
    for slot in slots:
        if slot.stream:
            torch.cuda.current_stream().wait_stream(slot.stream)
    for slot, client, rows in zip(slots, clients, batches, strict=True):
        train_loss = slot.total_loss.double() / sum(map(len, rows))
        server.receive(update_of(slot.model, client, train_loss, run))


def forget(slot: Slot) -> None:
    """Set to zero what the slot's last client left: momentum and the sum of losses."""
    slot.total_loss.zero_()
    for momentum in slot.momentum.values():
        momentum.zero_()


def take_step(slot: Slot, rows: Tensor) -> None:
    """Take one step of SGD on the batch ``rows`` (int64 [B]), without waiting for it."""
    with torch.cuda.stream(slot.stream):
        slot.rows[len(rows)].copy_(rows)
        slot.steps[len(rows)]()

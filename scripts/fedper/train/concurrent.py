"""A round on a GPU: many clients train at the same time, each as a CUDA graph on its own stream.

One client's kernels are too small to fill a large GPU, and starting them one by one takes longer
than running them. So a few slots, each with a model of its own, record one step of SGD as a CUDA
graph for each size of batch, and replay it; slots take turns in launching, and their kernels
overlap. Clients go through the slots in waves, so memory does not grow with their number.

A slot runs the kernels of :func:`fedper.algorithm.sgd.sgd_step` on the steps that a method's phases
make, as :mod:`fedper.algorithm.federated` does, and bases are summed in the clients' order; so what
comes out equals the plain loop's. On a CPU, where there is nothing to record, a slot calls the step
itself; that is for tests.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from fedper.algorithm.federated import keep_personal, load_layers, update_of
from fedper.algorithm.samples import DeviceSplit
from fedper.algorithm.server import Server
from fedper.algorithm.sgd import (
    Momentum,
    batch_generator,
    batch_sizes,
    draw_steps,
    freeze_all_but,
    sgd_step,
    zero_momentum,
)
from fedper.algorithm.state import Client, Report, State
from fedper.run import Phase, Run

WARM_UP_STEPS = 3
"""Steps before a recording, in which libraries choose their kernels (PyTorch's CUDA notes)."""


@dataclass(frozen=True)
class Slot:
    """One of the places in which clients train at the same time; all of it is used in place.

    momentum: by the layers that are trained.  stream: of the GPU, or None on a CPU.  rows: int64
    [B] by B, the batch that the next step of this size reads.  steps: what takes that step, by
    layers and B.  total_loss: float32 [], their sum.
    """

    model: nn.Sequential
    momentum: dict[str, Momentum]
    stream: torch.cuda.Stream | None
    rows: dict[int, Tensor]
    steps: dict[tuple[str, int], Callable[[], None]]
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
    """Make a slot out of ``model``, with a step for each size of batch and choice of layers."""
    device = split.labels.device
    model.train()
    phases = run.method.train + run.method.new_base
    slot = Slot(
        model=model,
        momentum={p.layers: zero_momentum(model, run.method, p.layers) for p in phases},
        stream=torch.cuda.Stream(device) if device.type == "cuda" else None,
        rows={size: torch.zeros(size, dtype=torch.int64, device=device) for size in sizes},
        steps={},
        total_loss=torch.zeros((), device=device),
    )

    def step(layers: str, size: int) -> None:
        freeze_all_but(model, slot.momentum[layers])
        loss = sgd_step(model, slot.momentum[layers], split, slot.rows[size], run)
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


def concurrent_round(
    slots: list[Slot], base: State, clients: list[Client], round_: int, run: Run
) -> tuple[State, list[Report]]:
    """Do what :func:`fedper.algorithm.federated.server_round` does, ``len(slots)`` at a time.

    The personal layers of so many clients are in memory twice meanwhile.
    """
    server = Server(base, clients)
    for wave in _waves(clients, len(slots)):
        losses = train_wave(slots, base, wave, run.method.train, "batches", round_, run)
        for slot, client, train_loss in zip(slots, wave, losses, strict=False):
            server.receive(update_of(slot.model, client, train_loss, run))
    return server.finish()


def concurrent_welcome(
    slots: list[Slot], base: State, clients: list[Client], round_: int, run: Run
) -> None:
    """Do what :func:`fedper.algorithm.federated.welcome_base` does, ``len(slots)`` at a time."""
    phases, purpose = run.method.new_base, "fine-tuning batches"
    done = 0
    for wave in _waves(clients, len(slots)):
        train_wave(slots, base, wave, phases, purpose, round_, run)
        for slot, client in zip(slots, wave, strict=False):
            clients[done] = keep_personal(slot.model, client, run)
            done += 1


def _waves(clients: list[Client], size: int) -> list[list[Client]]:
    return [clients[first : first + size] for first in range(0, len(clients), size)]


def train_wave(
    slots: list[Slot],
    base: State,
    clients: list[Client],
    phases: tuple[Phase, ...],
    purpose: str,
    round_: int,
    run: Run,
) -> list[Tensor]:
    """Let a client train in each slot, as many as there are; return their mean losses."""
    slots = slots[: len(clients)]
    plans = []
    for slot, client in zip(slots, clients, strict=True):
        load_layers(slot.model, base, client, run)
        slot.total_loss.zero_()
        generator = batch_generator(run, purpose, round_, client.number)
        plans.append(draw_steps(client.train, phases, generator, run.batch_size))
        if slot.stream:
            slot.stream.wait_stream(torch.cuda.current_stream())
    for number in range(max(map(len, plans))):
        for slot, steps in zip(slots, plans, strict=True):
            if number < len(steps):
                take_step(slot, *steps[number])
    for slot in slots:
        if slot.stream:
            torch.cuda.current_stream().wait_stream(slot.stream)
    return [
        slot.total_loss.double() / sum(len(step.rows) for step in steps)
        for slot, steps in zip(slots, plans, strict=True)
    ]


def take_step(slot: Slot, layers: str, rows: Tensor, is_first: bool) -> None:
    """Take one step of SGD on the batch ``rows`` (int64 [B]), without waiting for it."""
    with torch.cuda.stream(slot.stream):
        if is_first:
            for momentum in slot.momentum[layers].values():
                momentum.zero_()
        slot.rows[len(rows)].copy_(rows)
        slot.steps[layers, len(rows)]()

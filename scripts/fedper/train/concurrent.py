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

import torch
from torch import Tensor

from fedper.algorithm.federated import (
    Examine,
    keep_personal,
    load_layers,
    not_examined,
    update_of,
)
from fedper.algorithm.server import Server
from fedper.algorithm.sgd import Step, batch_generator, draw_steps
from fedper.algorithm.state import Client, Report, State
from fedper.method import Phase
from fedper.run import Run
from fedper.train.slots import Slot


def concurrent_round(
    slots: list[Slot],
    base: State,
    clients: list[Client],
    round_: int,
    run: Run,
    examine: Examine = not_examined,
) -> tuple[State, list[Report]]:
    """Do what :func:`fedper.algorithm.federated.server_round` does, ``len(slots)`` at a time.

    The personal layers of so many clients are in memory twice meanwhile.
    """
    server = Server(base, clients)
    for wave in _waves(clients, len(slots)):
        load_wave(slots, base, wave, run)
        losses = train_wave(slots, wave, run.method.train, "batches", round_, run)
        for slot, client, train_loss in zip(slots, wave, losses, strict=False):
            examine(slot.model, client, "before")
            server.receive(update_of(slot.model, client, train_loss, run))
    return server.finish()


def concurrent_welcome(
    slots: list[Slot],
    base: State,
    clients: list[Client],
    round_: int,
    run: Run,
    examine: Examine = not_examined,
) -> None:
    """Do what :func:`fedper.algorithm.federated.welcome_base` does, ``len(slots)`` at a time."""
    done = 0
    for wave in _waves(clients, len(slots)):
        load_wave(slots, base, wave, run)
        for slot, client in zip(slots, wave, strict=False):
            examine(slot.model, client, "after")
        train_wave(slots, wave, run.method.new_base, "fine-tuning batches", round_, run)
        for slot, client in zip(slots, wave, strict=False):
            clients[done] = keep_personal(slot.model, client, run)
            examine(slot.model, clients[done], "end")
            done += 1


def _waves(clients: list[Client], size: int) -> list[list[Client]]:
    return [clients[first : first + size] for first in range(0, len(clients), size)]


def load_wave(slots: list[Slot], base: State, clients: list[Client], run: Run) -> None:
    """Put (W_B, W_P_j) of each client into a slot."""
    for slot, client in zip(slots, clients, strict=False):
        load_layers(slot.model, base, client, run)


def train_wave(
    slots: list[Slot],
    clients: list[Client],
    phases: tuple[Phase, ...],
    purpose: str,
    round_: int,
    run: Run,
) -> list[Tensor]:
    """Let each client train in its slot; return their mean losses."""
    slots = slots[: len(clients)]
    plans = []
    for slot, client in zip(slots, clients, strict=True):
        slot.total_loss.zero_()
        generator = batch_generator(run, purpose, round_, client.number)
        plans.append(draw_steps(client.train, phases, generator, run))
        if slot.stream:
            slot.stream.wait_stream(torch.cuda.current_stream())
    for number in range(max(map(len, plans))):
        for slot, steps in zip(slots, plans, strict=True):
            if number < len(steps):
                take_step(slot, steps[number])
    for slot in slots:
        if slot.stream:
            torch.cuda.current_stream().wait_stream(slot.stream)
    return [
        slot.total_loss.double() / sum(len(step.rows) for step in steps)
        for slot, steps in zip(slots, plans, strict=True)
    ]


def take_step(slot: Slot, step: Step) -> None:
    """Take one step of SGD, without waiting for it."""
    size = len(step.rows)
    with torch.cuda.stream(slot.stream):
        if step.is_first:
            for momentum in slot.momentum[step.layers].values():
                momentum.zero_()
        slot.rows[size].copy_(step.rows)
        if step.moves is not None:
            slot.moves[size].copy_(step.moves)
        slot.steps[step.layers, size]()

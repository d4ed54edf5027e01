"""Where a run stands between two rounds, in memory and as the tensors of a file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fedper.algorithm.state import Client, State
from fedper.train.rounds import Rows

ROWS = ("history", "timing", "machines")
"""What a checkpoint holds as JSON."""


@dataclass
class Progress:
    """All that changes from round to round; the next round and the history need it.

    A round changes it in place, so that nothing is in memory twice.

    Attributes:
        base: W_B.
        clients: all of them.
        round: the last one played.
        history: rows so far, of each round, client and test.
        timing: rows so far, of each round.
        machines: that computed the rounds, one after another, as of
            :func:`fedper.job.record.machine`; each with its first round, ``from_round``.
    """

    base: State
    clients: list[Client]
    round: int = 0
    history: Rows = field(default_factory=list)
    timing: Rows = field(default_factory=list)
    machines: list[dict] = field(default_factory=list)


def to_tensors(progress: Progress) -> dict[str, Tensor]:
    """Name every tensor; the rows go into one of uint8 [n], as JSON. ``round`` is not in them.

    Weights are as the run holds them, not copied: kernels [C', h, w, C], which are contiguous.
    A client's base_statistics are not in them, as the next round makes them anew before their use.
    """
    tensors = {f"base/{name}": to_nhwc(tensor) for name, tensor in progress.base.items()}
    for client in progress.clients:
        for kind, state in (("personal", client.personal), ("momentum", client.momentum)):
            for name, tensor in state.items():
                tensors[f"{kind}/{client.number}/{name}"] = to_nhwc(tensor)
    rows = json.dumps({name: getattr(progress, name) for name in ROWS}).encode()
    tensors["rows"] = torch.frombuffer(bytearray(rows), dtype=torch.uint8)
    return tensors


def take_up(progress: Progress, round_: int, tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Bring ``progress`` to what :func:`to_tensors` made of it after ``round_``.

    What was there goes first, so that they are not held twice.
    """
    device = progress.clients[0].train.rows.device
    progress.round, progress.base = round_, {}
    progress.clients[:] = [replace(c, personal={}, momentum={}) for c in progress.clients]
    states = {f"personal/{client.number}": client.personal for client in progress.clients}
    states |= {f"momentum/{client.number}": client.momentum for client in progress.clients}
    states["base"] = progress.base
    for name, tensor in tensors:
        if name == "rows":
            rows = json.loads(tensor.numpy().tobytes())
            for kind in ROWS:
                setattr(progress, kind, rows[kind])
            continue
        owner, _, layer = name.rpartition("/")
        states[owner][layer] = from_nhwc(tensor).to(device)


def to_nhwc(tensor: Tensor) -> Tensor:
    """View a kernel [C', C, h, w] as [C', h, w, C]; others stay."""
    return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor


def from_nhwc(tensor: Tensor) -> Tensor:
    """Undo :func:`to_nhwc`."""
    return tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor

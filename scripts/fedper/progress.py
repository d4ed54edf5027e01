"""Where a run stands between two rounds, and that as tensors, for a file."""

import json
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fedper.record import Rows
from fedper.state import Client, State


@dataclass
class Progress:
    """All that changes from round to round, and that the next round and the history rest on.

    A round changes it in place, so that nothing is in memory twice. round: the last one played.
    history, timing: rows so far, of each round and client, and of each round.
    """

    base: State
    clients: list[Client]
    round: int = 0
    history: Rows = field(default_factory=list)
    timing: Rows = field(default_factory=list)


def to_tensors(progress: Progress) -> dict[str, Tensor]:
    """Name every tensor; the rows go into one of uint8 [n], as JSON. ``round`` is not in them."""
    tensors = {f"base/{name}": tensor for name, tensor in progress.base.items()}
    for client in progress.clients:
        for part in ("personal", "base_statistics"):
            state = getattr(client, part)
            tensors |= {f"{part}/{client.number}/{name}": state[name] for name in state}
    rows = json.dumps({"history": progress.history, "timing": progress.timing}).encode()
    tensors["rows"] = torch.frombuffer(bytearray(rows), dtype=torch.uint8)
    return tensors


def take_up(progress: Progress, round_: int, tensors: dict[str, Tensor]) -> None:
    """Bring ``progress`` to what :func:`to_tensors` made of it after ``round_``."""
    rows = json.loads(tensors.pop("rows").numpy().tobytes())
    device = progress.clients[0].train.rows.device
    states: dict[str, State] = {}
    for name, tensor in tensors.items():
        owner, _, layer = name.rpartition("/")  # "base", "personal/3", "base_statistics/3"
        states.setdefault(owner, {})[layer] = tensor.to(device)
    progress.round = round_
    progress.base = states.get("base", {})
    for place, client in enumerate(progress.clients):
        progress.clients[place] = replace(
            client,
            personal=states.get(f"personal/{client.number}", {}),
            base_statistics=states.get(f"base_statistics/{client.number}", {}),
        )
    progress.history, progress.timing = rows["history"], rows["timing"]

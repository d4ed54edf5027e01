"""FedPer, as the paper's two algorithms FEDPER-SERVER and FEDPER-CLIENT (section 3).

One model in memory serves all clients in turn; what belongs to the server and to each client is
explicit state that goes in and comes out. Where the paper is silent, we assume: momentum starts
from zero in every round, and BatchNorm statistics follow their layer (the base's are averaged
with it, the personal ones stay with their client).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fedper.models import initialise, split
from fedper.randomness import seed_for
from fedper.run import Run
from fedper.samples import Samples
from fedper.sgd import local_sgd

State = dict[str, Tensor]
"""Weights and BatchNorm buffers of some layers by name, as ``state_dict`` gives them."""


@dataclass(frozen=True)
class Message:
    """All that crosses the network: base layers and, upwards, how many samples trained them."""

    base: State
    n_samples: int = 0

    @property
    def n_bytes(self) -> int:
        """Bytes of the tensors on the wire, uncompressed."""
        return sum(tensor.nbytes for tensor in self.base.values())


@dataclass(frozen=True)
class Client:
    """One client: its data, and what never leaves it.

    personal: W_P_j and its BatchNorm buffers.  base_statistics: the base's BatchNorm buffers as
    this client's last training left them, kept where evaluation uses a client's "own".
    """

    number: int
    train: Samples
    test: Samples
    personal: State
    base_statistics: State = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What the history says of one client's part in one round; train_loss is a mean in nats."""

    client: int
    train_loss: float
    bytes_up: int
    bytes_down: int


class Update(NamedTuple):
    """What comes of a client's training: W_B to send, the client with its new W_P_j, the loss.

    train_loss: float64 [], a mean in nats, still on the device, so that nobody waits for it.
    """

    upload: Message
    client: Client
    train_loss: Tensor


def server_round(
    model: nn.Sequential, base: State, clients: list[Client], round_: int, run: Run
) -> tuple[State, list[Client], list[Report]]:
    """FEDPER-SERVER, one global round: every client trains from W_B; return the averaged W_B.

    This plain loop, one client after another, is the definition of a round; what
    :mod:`fedper.concurrent` does on a GPU must equal it.
    """
    download = Message(base)
    updates = (client_update(model, download, client, round_, run) for client in clients)
    return finish_round(download, updates)


def finish_round(
    download: Message, updates: Iterable[Update]
) -> tuple[State, list[Client], list[Report]]:
    """Average the bases of the updates as they arrive; report on each, in their order."""
    trained: list[Client] = []
    losses: list[Tensor] = []
    bytes_up: list[int] = []

    def uploads() -> Iterator[Message]:
        for upload, client, train_loss in updates:
            trained.append(client)
            losses.append(train_loss)
            bytes_up.append(upload.n_bytes)
            yield upload

    base = aggregate(uploads())
    reports = [
        Report(client.number, loss, sent, download.n_bytes)
        for client, loss, sent in zip(trained, torch.stack(losses).tolist(), bytes_up, strict=True)
    ]
    return base, trained, reports


def client_update(
    model: nn.Sequential, download: Message, client: Client, round_: int, run: Run
) -> Update:
    """FEDPER-CLIENT(j): SGD over (W_B, W_P_j) jointly; send only W_B."""
    load_layers(model, download.base, client, run)
    generator = batch_generator(client, round_, run)
    train_loss = local_sgd(model, client.train, run.local_epochs, generator, run)
    return update_of(model, client, train_loss, run)


def update_of(model: nn.Sequential, client: Client, train_loss: Tensor, run: Run) -> Update:
    """Copy out of ``model`` what the client sends, and what it keeps."""
    base, personal = split(model, run.personalization_layers)
    upload = Message(snapshot(base), n_samples=len(client.train))
    statistics = {}
    if run.batchnorm_statistics == "own":
        statistics = {name: upload.base[name] for name, _ in base.named_buffers()}
    client = replace(client, personal=snapshot(personal), base_statistics=statistics)
    return Update(upload, client, train_loss)


def fine_tune_personal(
    model: nn.Sequential, base: State, client: Client, round_: int, run: Run
) -> Client:
    """Train W_P_j alone, W_B frozen, as a new base arrives: the paper's variant (claim C7).

    For ``run.personal_finetune_epochs``; BatchNorm of the frozen base uses batch statistics, as
    in training, and what it learns is forgotten with them.
    """
    base_layers, personal_layers = load_layers(model, base, client, run)
    generator = torch.Generator().manual_seed(
        seed_for(run.seed, "fine-tuning batches", round_, client.number)
    )
    base_layers.requires_grad_(False)
    try:
        local_sgd(model, client.train, run.personal_finetune_epochs, generator, run)
    finally:
        base_layers.requires_grad_(True)
    return replace(client, personal=snapshot(personal_layers))


def load_layers(
    model: nn.Sequential, base: State, client: Client, run: Run
) -> tuple[nn.Sequential, nn.Sequential]:
    """Put (W_B, W_P_j) into ``model``; return its base and its personalization layers."""
    base_layers, personal_layers = split(model, run.personalization_layers)
    base_layers.load_state_dict(base)
    personal_layers.load_state_dict(client.personal)
    return base_layers, personal_layers


def batch_generator(client: Client, round_: int, run: Run) -> torch.Generator:
    """Seed the order of a client's batches in a round, whoever trained before it."""
    return torch.Generator().manual_seed(seed_for(run.seed, "batches", round_, client.number))


def aggregate(messages: Iterable[Message]) -> State:
    """W_B ← Σ_j γ_j W_B,j with γ_j = n_j / Σ n_j, over weights and BatchNorm buffers alike.

    Messages are summed in float64 as they arrive, so memory does not grow with the number of
    clients, and their order hardly ever shows in the float32 result. Counters (int64) are rounded.
    """
    total: State = {}
    dtypes: dict[str, torch.dtype] = {}
    n_samples = 0
    for message in messages:
        n_samples += message.n_samples
        for name, tensor in message.base.items():
            if name in total:
                total[name].add_(tensor, alpha=message.n_samples)
            else:
                total[name] = tensor.double().mul_(message.n_samples)
                dtypes[name] = tensor.dtype
    for name, tensor in total.items():
        tensor.div_(n_samples)
        if not dtypes[name].is_floating_point:
            tensor.round_()
    return {name: tensor.to(dtypes[name]) for name, tensor in total.items()}


def initial_base(model: nn.Sequential, run: Run) -> State:
    """Draw W_B from the seed alone, so that all methods compared start from the same base."""
    base, _ = split(model, run.personalization_layers)
    initialise(base, run.seed, "base")
    return snapshot(base)


def initial_personal(model: nn.Sequential, run: Run, client: int) -> State:
    """Draw W_P_j from the seed and the client's number."""
    _, personal = split(model, run.personalization_layers)
    initialise(personal, run.seed, "personal", client)
    return snapshot(personal)


def snapshot(layers: nn.Module) -> State:
    """Copy the weights and buffers of ``layers``."""
    return {name: tensor.clone() for name, tensor in layers.state_dict().items()}

"""FedPer, as the paper's two algorithms FEDPER-SERVER and FEDPER-CLIENT (section 3).

One model in memory serves all clients in turn; what belongs to the server and to each client is
explicit state. What a client trains is the list of phases of the run's method: all layers for e
epochs is FedAvg and FedPer, and other lists are their relatives. BatchNorm statistics follow their
layer (the base's are averaged with it, the personal ones stay with their client).
"""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor, nn

from fedper.algorithm.models import split
from fedper.algorithm.server import Server
from fedper.algorithm.sgd import batch_generator, train_phases
from fedper.algorithm.state import Client, Message, Report, State, Update
from fedper.algorithm.weights import restore, snapshot
from fedper.run import Run

Examine = Callable[[nn.Sequential, Client, str], None]
"""What tests a client, whose model is in the first argument, at a moment ("before", "after", "end",
see :class:`fedper.method.Test`), and leaves model and client as they are."""


def not_examined(model: nn.Sequential, client: Client, when: str) -> None:
    """Test nobody."""


def server_round(
    model: nn.Sequential,
    base: State,
    clients: list[Client],
    round_: int,
    run: Run,
    examine: Examine = not_examined,
) -> tuple[State, list[Report]]:
    """FEDPER-SERVER, one global round: every client trains from W_B; return the averaged W_B.

    Each client is replaced in ``clients`` as soon as it has trained. Its base is added to
    Σ n_j W_B,j as it arrives, see :class:`fedper.algorithm.server.WeightedMean`. This plain loop,
    one client after another, is the definition of a round; what :mod:`fedper.train.concurrent`
    does on a GPU must equal it.
    """
    server = Server(base, clients)
    for client in clients:
        server.receive(client_update(model, server.download, client, round_, run, examine))
    return server.finish()


def client_update(
    model: nn.Sequential,
    download: Message,
    client: Client,
    round_: int,
    run: Run,
    examine: Examine = not_examined,
) -> Update:
    """FEDPER-CLIENT(j): SGD over (W_B, W_P_j) jointly, or as the method has it; send only W_B."""
    load_layers(model, download.base, client, run)
    generator = batch_generator(run, "batches", round_, client.number)
    momentum = dict(client.momentum) if run.optimiser_state == "carried" else None
    train_loss = train_phases(model, client.train, run.method.train, generator, run, momentum)
    examine(model, client, "before")
    return update_of(model, replace(client, momentum=momentum or {}), train_loss, run)


def update_of(model: nn.Sequential, client: Client, train_loss: Tensor, run: Run) -> Update:
    """Copy out of ``model`` what the client sends, and what it keeps."""
    base, personal = split(model, run.method)
    upload = Message(snapshot(base), n_samples=len(client.train))
    statistics = {}
    if any(test.batchnorm == "own" for test in run.tests):
        statistics = {name: upload.base[name] for name, _ in base.named_buffers()}
    client = replace(client, personal=snapshot(personal), base_statistics=statistics)
    return Update(upload, client, train_loss)


def welcome_base(
    model: nn.Sequential,
    base: State,
    clients: list[Client],
    round_: int,
    run: Run,
    examine: Examine = not_examined,
) -> None:
    """End a round: every client receives the new W_B, and is tested with its own W_P_j.

    In between it trains what its method trains when a new base is there; in the paper's fine-tuning
    (claim C7) that is W_P_j alone, which it keeps, while the BatchNorm statistics of the frozen
    base move, and are forgotten after the test. Each client is replaced in ``clients``.
    """
    for place, client in enumerate(clients):
        load_layers(model, base, client, run)
        if run.method.new_base:
            examine(model, client, "after")
            generator = batch_generator(run, "fine-tuning batches", round_, client.number)
            train_phases(model, client.train, run.method.new_base, generator, run)
            clients[place] = keep_personal(model, client, run)
        examine(model, clients[place], "end")


def keep_personal(model: nn.Sequential, client: Client, run: Run) -> Client:
    """Copy W_P_j out of ``model``; what became of the base there is forgotten."""
    _, personal = split(model, run.method)
    return replace(client, personal=snapshot(personal))


def load_layers(model: nn.Sequential, base: State, client: Client, run: Run) -> None:
    """Put (W_B, W_P_j) into ``model``."""
    base_layers, personal_layers = split(model, run.method)
    restore(base_layers, base)
    restore(personal_layers, client.personal)

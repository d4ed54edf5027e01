"""FedPer, as the paper's two algorithms FEDPER-SERVER and FEDPER-CLIENT (section 3).

One model in memory serves all clients in turn; what belongs to the server and to each client is
explicit state. What a client trains is the list of phases of the run's method: all layers for e
epochs is FedAvg and FedPer, and other lists are their relatives. BatchNorm statistics follow their
layer (the base's are averaged with it, the personal ones stay with their client).
"""

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from fedper.algorithm.models import split
from fedper.algorithm.optimiser import Optimiser
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
    optimiser: Optimiser | None = None,
) -> tuple[State, list[Report]]:
    """FEDPER-SERVER, one global round: every client trains from W_B; return the averaged W_B.

    Each client is replaced in ``clients`` as soon as it has trained. Its base is added to
    Σ n_j W_B,j as it arrives, see :class:`fedper.algorithm.server.WeightedMean`.

    Args:
        model: serves all clients in turn; what is in it does not matter.
        base: W_B, which every client receives.
        clients: all of them; all take part.
        round_: number of the round, from 1; it and the client key what is drawn.
        run: the settings.
        examine: tests each client "before" aggregation.
        optimiser: of ``model``, kept from round to round, for speed on a GPU.
    """
    server = Server(base, clients)
    for client in clients:
        server.receive(
            client_update(model, server.download, client, round_, run, examine, optimiser)
        )
    return server.finish()


def client_update(
    model: nn.Sequential,
    download: Message,
    client: Client,
    round_: int,
    run: Run,
    examine: Examine = not_examined,
    optimiser: Optimiser | None = None,
) -> Update:
    """FEDPER-CLIENT(j): SGD over (W_B, W_P_j) jointly, or as the method has it; send only W_B.

    The arguments are those of :func:`server_round`.
    """
    load_layers(model, download.base, client, run)
    generator = batch_generator(run, "batches", round_, client.number)
    momentum = dict(client.momentum) if run.optimiser_state == "carried" else None
    train_loss = train_phases(
        model, client.train, run.method.train, generator, run, momentum, optimiser
    )
    examine(model, client, "before")
    base, personal = split(model, run.method)
    upload = Message(snapshot(base), n_samples=len(client.train))
    statistics = {}
    if any(test.batchnorm == "own" for test in run.tests):
        statistics = {name: upload.base[name] for name, _ in base.named_buffers()}
    client = replace(
        client, personal=snapshot(personal), base_statistics=statistics, momentum=momentum or {}
    )
    return Update(upload, client, train_loss)


def welcome_base(
    model: nn.Sequential,
    base: State,
    clients: list[Client],
    round_: int,
    run: Run,
    examine: Examine = not_examined,
    optimiser: Optimiser | None = None,
) -> None:
    """End a round: every client receives the new W_B, and is tested with its own W_P_j.

    Between the two it trains the phases ``new_base`` of its method. In the paper's fine-tuning
    (claim C7) that is W_P_j alone, which it keeps. The BatchNorm statistics of the frozen base move
    meanwhile, and are forgotten after the test. Each client is replaced in ``clients``. The
    arguments are those of :func:`server_round`.
    """
    for place, client in enumerate(clients):
        load_layers(model, base, client, run)
        if run.method.new_base:
            examine(model, client, "after")
            generator = batch_generator(run, "fine-tuning batches", round_, client.number)
            train_phases(
                model, client.train, run.method.new_base, generator, run, optimiser=optimiser
            )
            _, personal = split(model, run.method)
            clients[place] = replace(client, personal=snapshot(personal))
        examine(model, clients[place], "end")


def load_layers(model: nn.Sequential, base: State, client: Client, run: Run) -> None:
    """Put (W_B, W_P_j) into ``model``."""
    base_layers, personal_layers = split(model, run.method)
    restore(base_layers, base)
    restore(personal_layers, client.personal)

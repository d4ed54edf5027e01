"""FedPer, as the paper's two algorithms FEDPER-SERVER and FEDPER-CLIENT (section 3).

One model in memory serves all clients in turn; what belongs to the server and to each client is
explicit state. Where the paper is silent, we assume: momentum starts from zero in every round, and
BatchNorm statistics follow their layer (the base's are averaged with it, the personal ones stay
with their client).
"""

from dataclasses import replace

from torch import Tensor, nn

from fedper.algorithm.models import split
from fedper.run import Run
from fedper.algorithm.server import Server
from fedper.algorithm.sgd import batch_generator, local_sgd
from fedper.algorithm.state import Client, Message, Report, State, Update
from fedper.algorithm.weights import restore, snapshot


def server_round(
    model: nn.Sequential, base: State, clients: list[Client], round_: int, run: Run
) -> tuple[State, list[Report]]:
    """FEDPER-SERVER, one global round: every client trains from W_B; return the averaged W_B.

    Each client is replaced in ``clients`` as soon as it has trained. Its base is added to
    Σ n_j W_B,j as it arrives, see :class:`fedper.algorithm.server.WeightedMean`. This plain loop, one client
    after another, is the definition of a round; what :mod:`fedper.train.concurrent` does on a GPU must
    equal it.
    """
    server = Server(base, clients)
    for client in clients:
        server.receive(client_update(model, server.download, client, round_, run))
    return server.finish()


def client_update(
    model: nn.Sequential, download: Message, client: Client, round_: int, run: Run
) -> Update:
    """FEDPER-CLIENT(j): SGD over (W_B, W_P_j) jointly; send only W_B."""
    load_layers(model, download.base, client, run)
    generator = batch_generator(run, "batches", round_, client.number)
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


def fine_tune_all(
    model: nn.Sequential, base: State, clients: list[Client], round_: int, run: Run
) -> None:
    """:func:`fine_tune_personal` for every client; each is replaced in ``clients``."""
    for place, client in enumerate(clients):
        clients[place] = fine_tune_personal(model, base, client, round_, run)


def fine_tune_personal(
    model: nn.Sequential, base: State, client: Client, round_: int, run: Run
) -> Client:
    """Train W_P_j alone, W_B frozen, as a new base arrives: the paper's variant (claim C7).

    For ``run.personal_finetune_epochs``; BatchNorm of the frozen base uses batch statistics, as
    in training, and what it learns is forgotten with them.
    """
    base_layers, personal_layers = load_layers(model, base, client, run)
    generator = batch_generator(run, "fine-tuning batches", round_, client.number)
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
    restore(base_layers, base)
    restore(personal_layers, client.personal)
    return base_layers, personal_layers

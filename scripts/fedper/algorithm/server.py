"""The server in one global round: what it sends, what it takes in, and what it makes of that."""

import torch

from fedper.algorithm.state import Client, Message, Report, State, Update


class WeightedMean:
    """W_B ← Σ_j γ_j W_B,j with γ_j = n_j / Σ n_j, over weights and BatchNorm buffers alike.

    Messages are summed in float64 as they arrive, so memory does not grow with the number of
    clients, and their order hardly ever shows in the float32 result. Counters (int64) are rounded.
    """

    def __init__(self) -> None:
        self._total: State = {}
        self._dtypes: dict[str, torch.dtype] = {}
        self._n_samples = 0

    def add(self, message: Message) -> None:
        """Add n_j W_B,j to the sum; the message is not needed afterwards."""
        self._n_samples += message.n_samples
        for name, tensor in message.base.items():
            if name in self._total:
                self._total[name].add_(tensor, alpha=message.n_samples)
            else:
                self._total[name] = tensor.to(torch.float64, copy=True).mul_(message.n_samples)
                self._dtypes[name] = tensor.dtype

    def take(self) -> State:
        """Return the mean in the messages' dtypes; the sum is given up, tensor by tensor."""
        mean: State = {}
        for name, dtype in self._dtypes.items():
            value = self._total.pop(name).div_(self._n_samples)
            mean[name] = (value if dtype.is_floating_point else value.round_()).to(dtype)
        return mean


class Server:
    """Where FEDPER-SERVER stands in a round: what it has sent, and the sum of what came back.

    download: what every client receives.  clients: all of them, in the order in which their
    updates will come; each is replaced in this list by what its update made of it, so that all
    clients' personal layers are never in memory twice.
    """

    def __init__(self, base: State, clients: list[Client]) -> None:
        self.download = Message(base)
        self._bytes_down = self.download.n_bytes
        self._clients = clients
        self._mean = WeightedMean()
        self._reports: list[Report] = []

    def receive(self, update: Update) -> None:
        """Take in the next client's update; raises ValueError if it is another client's."""
        upload, client, train_loss = update
        place = len(self._reports)
        if client.number != self._clients[place].number:
            raise ValueError(f"client {client.number} is not next")
        self._clients[place] = client
        self._reports.append(Report(client.number, train_loss, upload.n_bytes, self._bytes_down))
        self._mean.add(upload)

    def finish(self) -> tuple[State, list[Report]]:
        """Average what has come in: the new W_B, and a report on each client."""
        return self._mean.take(), self._reports

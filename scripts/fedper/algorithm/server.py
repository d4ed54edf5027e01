"""The server in one global round: what it sends, and how it averages what comes back."""

import torch

from fedper.algorithm.state import Client, Message, Report, State, Update


class WeightedMean:
    """W_B ← Σ_j γ_j W_B,j with γ_j = n_j / Σ n_j, over weights and BatchNorm buffers alike.

    Messages are summed in float64 as they arrive. So memory does not grow with the number of
    clients, and the order of messages hardly ever changes the float32 result. Counters (int64) are
    rounded.
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
        """Return the mean in the messages' dtypes; this frees the sum, tensor by tensor."""
        mean: State = {}
        for name, dtype in self._dtypes.items():
            value = self._total.pop(name).div_(self._n_samples)
            mean[name] = (value if dtype.is_floating_point else value.round_()).to(dtype)
        return mean


class Server:
    """FEDPER-SERVER within one round: what it sends, and the sum of what has come back.

    Args:
        base: W_B, which every client receives, as the attribute ``download``.
        clients: all of them, in the order of their updates. Each update replaces its client in this
            list, so that no client's personal layers are in memory twice.
    """

    def __init__(self, base: State, clients: list[Client]) -> None:
        self.download = Message(base)
        self._bytes_down = self.download.n_bytes
        self._clients = clients
        self._mean = WeightedMean()
        self._reports: list[Report] = []

    def receive(self, update: Update) -> None:
        """Add the next client's update; raises ValueError if it is another client's."""
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

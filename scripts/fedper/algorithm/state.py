"""What server and clients hold, and what passes between them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from fedper.algorithm.samples import Samples

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

    Attributes:
        number: from 0.
        train: samples that it trains on.
        test: samples that it is tested on.
        personal: W_P_j and its BatchNorm buffers.
        base_statistics: the base's BatchNorm buffers after this client's last training; kept where
            a test uses a client's "own".
        momentum: of all parameters; kept where the run carries it over.
    """

    number: int
    train: Samples
    test: Samples
    personal: State
    base_statistics: State = field(default_factory=dict)
    momentum: State = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What the history says of one client's part in one round.

    Attributes:
        client: its number.
        train_loss: float64 [], mean over its samples, in nats. It stays on the device, so that the
            host does not wait for a GPU.
        bytes_up: sent to the server.
        bytes_down: received from it.
    """

    client: int
    train_loss: Tensor
    bytes_up: int
    bytes_down: int


class Update(NamedTuple):
    """The result of a client's training.

    Attributes:
        upload: W_B,j and n_j, for the server.
        client: with its new W_P_j.
        train_loss: as in :class:`Report`.
    """

    upload: Message
    client: Client
    train_loss: Tensor

"""SGD with momentum: one step on one batch, and the steps of a whole run, recorded on a GPU."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.sgd import sgd

from fedper.algorithm.models import split
from fedper.algorithm.samples import DeviceSplit
from fedper.algorithm.state import State
from fedper.method import Method
from fedper.run import Run

Momentum = dict[nn.Parameter, Tensor]
"""The parameters that are trained, and the momentum of each."""

WARM_UP_STEPS = 3
"""Steps before a recording, in which libraries choose their kernels (PyTorch's CUDA notes)."""


class Optimiser:
    """SGD with momentum on one model, for all clients that train in it one after another.

    On CUDA a step's kernels take less time than starting them one by one. So a step is recorded as
    a CUDA graph, once for each choice of layers and size of batch, and replayed: the same kernels
    on the same numbers. For that, momentum stays where it is in memory; keep one optimiser for the
    whole run.

    Args:
        model: on the device where it stays.
        run: gives learning rate, momentum and the like.
        records: whether steps are recorded; None: on CUDA.
    """

    def __init__(self, model: nn.Sequential, run: Run, records: bool | None = None) -> None:
        self._model = model
        self._run = run
        self._records = next(model.parameters()).is_cuda if records is None else records
        self._layers = ""
        self._momentum: dict[str, Momentum] = {}
        self._recorded: dict[tuple, Callable[[Tensor, Tensor | None], Tensor]] = {}
        self._pool: tuple[int, int] | None = None

    def start(self, layers: str, carried: State | None = None) -> None:
        """Start a phase that trains ``layers``; all others are frozen, but for their BatchNorm.

        carried: where to take momentum from; what is not in it starts from zero.
        """
        self._layers = layers
        if layers not in self._momentum:
            self._momentum[layers] = zero_momentum(self._model, self._run.method, layers)
        momentum = self._momentum[layers]
        for name, parameter in self._model.named_parameters():
            parameter.requires_grad_(parameter in momentum)
            if parameter in momentum:
                before = (carried or {}).get(name)
                momentum[parameter].zero_() if before is None else momentum[parameter].copy_(before)

    def step(self, split: DeviceSplit, rows: Tensor, moves: Tensor | None) -> Tensor:
        """Take a step on one batch; return its loss in nats, summed over the batch (float32 [])."""
        momentum = self._momentum[self._layers]
        if not self._records:
            return sgd_step(self._model, momentum, split, rows, moves, self._run)
        key = (self._layers, len(rows), id(split))
        if key not in self._recorded:
            self._recorded[key] = self._record(split, rows, moves)
        return self._recorded[key](rows, moves)

    def state(self) -> State:
        """Copy the momentum of the layers that are being trained, by the names of parameters."""
        momentum = self._momentum[self._layers]
        named = self._model.named_parameters()
        return {name: momentum[p].clone() for name, p in named if p in momentum}

    def _record(
        self, split: DeviceSplit, rows: Tensor, moves: Tensor | None
    ) -> Callable[[Tensor, Tensor | None], Tensor]:
        """Record a step on batches of this size; leave weights and momentum as they are."""
        rows, moves = rows.clone(), None if moves is None else moves.clone()
        momentum = self._momentum[self._layers]
        changed = [*self._model.state_dict().values(), *momentum.values()]
        before = [tensor.clone() for tensor in changed]
        self._pool = self._pool or new_pool()
        replay, loss = record(
            lambda: sgd_step(self._model, momentum, split, rows, moves, self._run), self._pool
        )
        for tensor, value in zip(changed, before, strict=True):
            tensor.copy_(value)

        def step(new_rows: Tensor, new_moves: Tensor | None) -> Tensor:
            rows.copy_(new_rows)
            if moves is not None:
                moves.copy_(new_moves)
            replay()
            return loss

        return step


def new_pool() -> tuple[int, int]:
    """Name memory that recordings share; they run one after another."""
    return torch.cuda.graph_pool_handle()


def record(work: Callable[[], Tensor], pool: tuple[int, int]) -> tuple[Callable[[], None], Tensor]:
    """Record the kernels of ``work`` as a CUDA graph; return its replay, and where its result is.

    ``work`` is done WARM_UP_STEPS times.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_STEPS):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=stream):
        result = work()
    return graph.replay, result


def zero_momentum(model: nn.Sequential, method: Method, layers: str) -> Momentum:
    """Return zeros for each parameter of ``layers``: "all", "base" or "personal"."""
    base, personal = split(model, method)
    chosen = {"all": model, "base": base, "personal": personal}[layers]
    return {parameter: torch.zeros_like(parameter) for parameter in chosen.parameters()}


def sgd_step(
    model: nn.Module,
    momentum: Momentum,
    split: DeviceSplit,
    rows: Tensor,
    moves: Tensor | None,
    run: Run,
) -> Tensor:
    """Take one step on one batch; return its loss in nats, summed over the batch (float32 []).

    Changes the parameters in ``momentum``, and their momentum, in place; all others are frozen.
    PyTorch's function is called instead of its class, which loads PyTorch's compiler: 0.8 s and
    160 MB a process.
    """
    images, labels = split.batch(rows, moves)
    with autocast(run, rows.device):
        loss = cross_entropy(model(images), labels)
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        sgd(
            list(momentum),
            [parameter.grad for parameter in momentum],
            list(momentum.values()),
            fused=True,
            lr=run.learning_rate,
            momentum=run.momentum,
            weight_decay=run.weight_decay,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
    return loss.detach() * len(rows)


def autocast(run: Run, device: torch.device) -> torch.autocast:
    """Return the context in which a forward pass has the run's precision.

    With "bfloat16" PyTorch chooses, operation by operation, what is computed in it and what stays
    float32. Casts are not cached, because a captured CUDA graph must make its own.
    """
    enabled = run.precision == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled, cache_enabled=False)

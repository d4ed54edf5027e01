"""A whole run in one process: where weights are drawn, and CUDA where there is one."""

import fedper.algorithm.weights as weights
import fedper.job.simulate as simulation
import pandas as pd
import pytest
import torch
from conftest import SMALL, STATISTICS, start
from fedper.algorithm.federated import server_round, welcome_base
from fedper.data.make_partition import make_partition
from fedper.errors import InputError
from fedper.job.record import HISTORY_COLUMNS, write_run
from fedper.job.simulate import simulate
from fedper.method import Phase
from fedper.run import change
from fedper.train.device import set_up_device
from fedper.train.examiner import Examiner
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


def _no_line(line):
    pass


@pytest.fixture
def partition(small_dataset):
    return make_partition(small_dataset, SMALL.samples, 5, 4, 0)


def test_weights_are_drawn_on_the_cpu_whatever_the_device(small_dataset, partition, monkeypatch):
    devices = []
    initialise = weights.initialise

    def spy(layers, *arguments):
        devices.extend(p.device.type for p in layers.parameters())
        initialise(layers, *arguments)

    monkeypatch.setattr(weights, "initialise", spy)
    monkeypatch.setattr(torch.nn.Module, "to", _refuse_to_move_before(devices, torch.nn.Module.to))
    simulate(SMALL, small_dataset, partition, torch.device("cpu"), _no_line)
    assert set(devices) == {"cpu"}


def _refuse_to_move_before(devices, move):
    """Replace Module.to: the model may go to its device only once weights have been drawn."""

    def to(self, *arguments, **keywords):
        goes = [a for a in (*arguments, *keywords.values()) if isinstance(a, torch.device)]
        assert not goes or devices
        return move(self, *arguments, **keywords)

    return to


def test_time_left_is_shown_in_minutes_and_seconds(small_dataset, partition):
    lines = []
    simulate(SMALL, small_dataset, partition, torch.device("cpu"), lines.append)
    assert [line.split(": ")[0] for line in lines] == [SMALL.name] * 2
    assert lines[-1].endswith(", 0:00 min left")


def test_float32_means_float32_in_every_library():
    """PyTorch's default computes convolutions of float32 in TensorFloat32 on a GPU."""
    backends = (torch.backends, torch.backends.cudnn.conv, torch.backends.cuda.matmul)
    before = [backend.fp32_precision for backend in backends]
    try:
        set_up_device("cpu", SMALL)
        assert [backend.fp32_precision for backend in backends] == ["ieee"] * 3
    finally:
        torch.use_deterministic_algorithms(False)
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision


def test_a_cpu_computes_in_float32_only():
    with pytest.raises(InputError, match="precision: 'bfloat16' is for CUDA"):
        set_up_device("cpu", change(SMALL, precision="bfloat16"))


class Calls(TorchFunctionMode):
    """Count what makes a host wait for a GPU, where Python asks for it."""

    READS = ("tolist", "numpy", "cpu", "__array__", "equal", "allclose")
    n = 0

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        self.n += getattr(function, "__name__", "") in self.READS
        return function(*arguments, **(keywords or {}))


class Kernels(TorchDispatchMode):
    """Count what makes a host wait for a GPU inside PyTorch: numbers, and sizes that depend."""

    READS = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::_unique2")
    n = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        self.n += function.name() in self.READS
        return function(*arguments, **(keywords or {}))


@pytest.mark.parametrize("statistics", STATISTICS)
def test_a_round_reads_no_number_from_the_device_before_its_end(make_run, statistics):
    """On a GPU each would be a wait; tests/cuda lets CUDA itself count."""
    run = make_run(batchnorm=statistics, new_base=(Phase("personal", 1),))
    model, base, clients = start(run, sizes=(8, 6, 10))
    with Calls() as calls, Kernels() as kernels:
        examiner = Examiner(1, run)
        base, _ = server_round(model, base, clients, 1, run, examiner)
        welcome_base(model, base, clients, 1, run, examiner)
    assert (calls.n, kernels.n) == (0, 0)
    n_correct = examiner.found[0][-1][:1]
    tensor = torch.Tensor
    for read in (tensor.item, tensor.tolist, tensor.cpu, bool, float, int):
        with Calls() as calls, Kernels() as kernels:
            read(n_correct)
        assert calls.n + kernels.n > 0, read  # so that the counts are known to count


def test_the_parts_of_a_round_are_timed_apart(small_dataset, partition, monkeypatch):
    """A clock that strikes at every look: of 2 + 2 x (5 + 5 calls) looks, each call takes one."""
    clock = iter(range(100))
    monkeypatch.setattr(simulation, "moment", lambda device: float(next(clock)))
    timing = simulate(SMALL, small_dataset, partition, torch.device("cpu"), _no_line).timing
    # before and end of the round, and between them 10 tests that take 1 s each, with 1 s between
    assert timing == [
        {"round": 1, "training_s": 11.0, "evaluation_s": 10.0, "checkpoint_s": 0.0},
        {"round": 2, "training_s": 11.0, "evaluation_s": 10.0, "checkpoint_s": 0.0},
    ]


def test_files_of_a_run_are_written_as_pandas_writes_them_but_for_nan(tmp_path):
    values = (1, 0, "end averaged", 20, 7, 0.25, 9, float("inf"), 1.1e-05, 3, 4)
    row = dict(zip(HISTORY_COLUMNS, values, strict=True))
    other = {**row, "client": 1, "test_loss": float("nan"), "train_loss": 0.1 + 0.2}
    timing = [{"evaluation_s": 0.5, "checkpoint_s": 0.0, "training_s": 3.0, "round": 1}]
    write_run(tmp_path, {"name": "a run"}, [row, other], timing)
    header = (
        "round,client,test,samples,correct,balanced_accuracy,commonest,test_loss,train_loss,"
        "bytes_up,bytes_down"
    )
    assert (tmp_path / "history.csv").read_text().splitlines() == [
        header,
        "1,0,end averaged,20,7,0.25,9,inf,1.1e-05,3,4",
        "1,1,end averaged,20,7,0.25,9,nan,0.30000000000000004,3,4",
    ]
    assert (tmp_path / "timing.csv").read_text() == (
        "round,training_s,evaluation_s,checkpoint_s\n1,3.0,0.5,0.0\n"
    )
    as_pandas = pd.DataFrame([row, {**other, "test_loss": 2.0}]).to_csv(index=False)
    assert as_pandas.splitlines()[:2] == (tmp_path / "history.csv").read_text().splitlines()[:2]
    with pytest.raises(KeyError, match="training_s"):
        write_run(tmp_path, {}, [row], [{"round": 1, "evaluation_s": 0.5}])

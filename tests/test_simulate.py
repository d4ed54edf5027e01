"""A whole run in one process: where weights are drawn, and CUDA where there is one."""

from dataclasses import replace

import fedper.federated as federated
import pandas as pd
import pytest
import torch
from conftest import SMALL
from fedper.device import set_up_device
from fedper.errors import InputError
from fedper.partition import draw_partition
from fedper.simulate import simulate


@pytest.fixture
def partition(small_dataset):
    train, test = small_dataset.train.labels, small_dataset.test.labels
    return draw_partition(train, test, 10, 5, 4, 20, 20, 0)


def test_weights_are_drawn_on_the_cpu_whatever_the_device(small_dataset, partition, monkeypatch):
    devices = []
    initialise = federated.initialise

    def spy(layers, *arguments):
        devices.extend(p.device.type for p in layers.parameters())
        initialise(layers, *arguments)

    monkeypatch.setattr(federated, "initialise", spy)
    monkeypatch.setattr(torch.nn.Module, "to", _refuse_to_move_before(devices, torch.nn.Module.to))
    simulate(SMALL, small_dataset, partition, torch.device("cpu"), lambda line: None)
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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_cuda_gives_the_history_of_the_cpu_up_to_rounding(small_dataset, partition):
    run = replace(SMALL, rounds=1, learning_rate=0.001)
    histories = [
        simulate(run, small_dataset, partition, torch.device(device), lambda line: None)[0]
        for device in ("cpu", "cuda")
    ]
    columns = ["round", "client", "samples", "bytes_up", "bytes_down"]
    pd.testing.assert_frame_equal(histories[0][columns], histories[1][columns])
    assert histories[1]["train_loss"].tolist() == pytest.approx(
        histories[0]["train_loss"].tolist(), rel=0.01
    )


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
        set_up_device("cpu", replace(SMALL, precision="bfloat16"))

"""What only a GPU can show: recorded steps, precisions, and that no round waits for the device."""

import pytest
import torch
from fedper.algorithm.optimiser import Optimiser
from fedper.method import Phase, Test
from fedper.run import change
from fedper.train.device import set_up_device
from fedper.train.rounds import play_round
from world import RUN, begin

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="this machine has no CUDA device"
)


@pytest.fixture(autouse=True)
def _process_as_before():
    """Let a test set up its device as a run does; set all back afterwards."""
    backends = (torch.backends, torch.backends.cudnn.conv, torch.backends.cuda.matmul)
    before = [backend.fp32_precision for backend in backends]
    threads = torch.get_num_threads()
    yield
    torch.set_deterministic_debug_mode("default")
    torch.set_num_threads(threads)
    for backend, precision in zip(backends, before, strict=True):
        backend.fp32_precision = precision


def play(run, device_name="cuda", records=None):
    """Play all rounds of a run; return the rows and the base."""
    device = set_up_device(device_name, run)
    model, base, clients = begin(run, device)
    optimiser, rows = Optimiser(model, run, records), []
    for round_ in range(1, run.rounds + 1):
        base, more = play_round(model, base, clients, round_, run, optimiser)
        rows += more
    return rows, base


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model": "resnet34", "width": 0.25},
        {"personalization_layers": 0},
        {"momentum": 0.0},
        {"optimiser_state": "carried"},
        {"augmentation": "flip_and_crop"},
        {"new_base": (Phase("personal", 1),), "tests": (Test("end", "own"), Test("after", "own"))},
        {"train": (Phase("personal", 1), Phase("base", 1))},
        {"precision": "tf32"},
        {"precision": "bfloat16"},
        {"batch_size": 4, "width": 0.25},
    ],
    ids=str,
)
def test_a_recorded_step_gives_the_bits_of_the_unrecorded_one(changes):
    run = change(RUN, **changes)
    rows, base = play(run, records=False)
    recorded, recorded_base = play(run, records=True)
    assert recorded == rows
    assert all(torch.equal(recorded_base[name], base[name]) for name in base)


def relative(one, other, key):
    """The largest difference of a column, as a share of its values."""
    return max(abs(a[key] / b[key] - 1) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("model", ["mobilenet_v1", "resnet34"])
def test_cuda_gives_the_losses_of_the_cpu_up_to_rounding(model):
    """Two instruction sets of one CPU differ by 8e-5 here, other initial weights by 4e-2."""
    run = change(RUN, model=model, rounds=1)
    on_cpu, _ = play(run, "cpu")
    on_cuda, _ = play(run)
    for key in ("round", "client", "test", "samples", "bytes_up", "bytes_down"):
        assert [row[key] for row in on_cuda] == [row[key] for row in on_cpu]
    assert relative(on_cuda, on_cpu, "train_loss") < 1e-3
    other, _ = play(change(run, seed=1), "cpu")
    assert relative(other, on_cpu, "train_loss") > 1e-2


@pytest.mark.parametrize(("precision", "gap"), [("tf32", 5e-3), ("bfloat16", 5e-2)])
def test_other_precisions_compute_about_the_same_but_not_the_same(precision, gap):
    """On a CPU bfloat16 differs from float32 by 1.5e-2 here; tf32 has three bits more."""
    exact, _ = play(change(RUN, rounds=1))
    fast, _ = play(change(RUN, rounds=1, precision=precision))
    assert 0 < relative(fast, exact, "train_loss") < gap


def test_larger_batches_of_evaluation_give_the_same_counts():
    tests = (Test("end", "averaged"), Test("before", "averaged"))
    small, _ = play(change(RUN, tests=tests, evaluation_batch_size=32))
    large, _ = play(change(RUN, tests=tests, evaluation_batch_size=1000))
    assert [row["correct"] for row in large] == [row["correct"] for row in small]


def test_a_round_does_not_wait_for_the_device():
    tests = (Test("end", "reestimated"),)
    run = change(RUN, new_base=(Phase("personal", 1),), tests=tests)
    model, base, clients = begin(run, set_up_device("cuda", run))
    optimiser = Optimiser(model, run)
    base, _ = play_round(model, base, clients, 1, run, optimiser)  # records, loads libraries
    found = []

    def around(examine):
        """Forbid to wait from here on; what is brought from the device at the end may."""
        torch.cuda.set_sync_debug_mode("error")

        def counted(model, client, when):
            examine(model, client, when)
            found.append(when)
            if when == "end" and client.number == len(clients) - 1:
                torch.cuda.set_sync_debug_mode("default")

        return counted

    try:
        play_round(model, base, clients, 2, run, optimiser, around)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert found.count("end") == len(clients)

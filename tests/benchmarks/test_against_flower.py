"""The benchmark against Flower: both sides do the same work, and its numbers are what they say.

The whole of it needs Flower: in this environment, or in that of the Python that FLOWER_PYTHON
names. All else is tested without.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import REPOSITORY, SMALL, run_main
from fedper.algorithm.models import split
from fedper.data.make_partition import make_partition
from fedper.data.stored import save_dataset, write_partition
from fedper.run import change

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import against_flower
import flower_task
import process_tree

FLOWER_PYTHON = os.environ.get("FLOWER_PYTHON", sys.executable)


def draw(dataset, run):
    return make_partition(dataset, SMALL.samples, run.n_clients, 4, run.seed)


@pytest.mark.parametrize("personalization_layers", [0, 2])
def test_clients_of_flower_and_the_engine_learn_the_same(
    tmp_path, small_dataset, personalization_layers
):
    run = change(
        SMALL, personalization_layers=personalization_layers, local_epochs=2, batch_size=13
    )  # 40 images: the last of a client's batches is of a single one
    partition = draw(small_dataset, run)
    save_dataset(small_dataset, tmp_path / "data.safetensors")
    write_partition(partition, tmp_path / "partition.json")
    status, message = run_main(
        "train.py", "--run", run.to_json(), "--data", tmp_path / "data.safetensors",
        "--partition", tmp_path / "partition.json", "--device", "cpu", "--out", tmp_path,
    )  # fmt: skip
    assert status == 0, message
    history = pd.read_csv(tmp_path / "history.csv")

    expected = history[["round", "client", "correct", "train_loss"]]
    rows = fedper_by_hand(run, small_dataset, partition)
    made = pd.DataFrame(rows, columns=expected.columns)
    assert np.allclose(made["train_loss"], expected["train_loss"], rtol=1e-5)
    assert made["correct"].tolist() == expected["correct"].tolist()


def fedper_by_hand(run, dataset, partition):
    """Do with the clients what Flower does with them, all of them holding as many images.

    Averaged in float64 as the engine does, because in so narrow a network the last bit of a
    weight shows in the loss of the next round.
    """
    layout = "channels_last"
    models = [flower_task.build(run, 10, client, layout) for client in range(run.n_clients)]
    data = [
        [
            flower_task.load_images(dataset, name, getattr(c, name), run, layout)
            for c in partition.clients
        ]
        for name in ("train", "test")
    ]
    rows = []
    for round_ in range(1, run.rounds + 1):
        losses = [
            flower_task.train(model, *images, round_, client, run)
            for client, (model, images) in enumerate(zip(models, data[0], strict=True))
        ]
        bases = [split(model, run.method)[0] for model in models]
        states = [base.state_dict() for base in bases]
        mean = {key: sum(s[key].double() for s in states) / len(states) for key in states[0]}
        for client, (model, base) in enumerate(zip(models, bases, strict=True)):
            base.load_state_dict(mean)
            flower_task.reestimate(model, data[0][client][0], run.evaluation_batch_size)
            correct = flower_task.count_correct(model, *data[1][client], run.evaluation_batch_size)
            rows.append((round_, client, correct, losses[client]))
    return rows


def test_the_layout_of_memory_changes_nothing_but_rounding(small_dataset):
    run = change(SMALL, local_epochs=3, batch_size=40)  # three steps; float64, see above
    losses = []
    for layout in flower_task.LAYOUTS:
        model = flower_task.build(run, 10, 0, layout).double()
        rows = draw(small_dataset, run).clients[0].train
        images, labels = flower_task.load_images(small_dataset, "train", rows, run, layout)
        assert images.is_contiguous(memory_format=flower_task.LAYOUTS[layout])
        losses.append(flower_task.train(model, images.double(), labels, 1, 0, run))
    assert losses[0] == pytest.approx(losses[1], rel=1e-7)


def test_the_layout_of_memory_changes_no_initial_weight():
    default, ours = (flower_task.build(SMALL, 10, 1, layout) for layout in flower_task.LAYOUTS)
    assert ours.stem[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert default.stem[0].weight.is_contiguous()
    for one, other in zip(default.parameters(), ours.parameters(), strict=True):
        assert torch.equal(one, other)


def test_leaving_out_images_that_nobody_holds_leaves_every_client_its_own(small_dataset):
    partition = draw(small_dataset, SMALL)
    cut, renumbered = against_flower.cut(small_dataset, partition)
    assert len(cut.train.labels) == 200
    assert np.array_equal(cut.mean, small_dataset.mean)
    for before, after in zip(partition.clients, renumbered.clients, strict=True):
        for name in ("train", "test"):
            old, new = getattr(small_dataset, name), getattr(cut, name)
            rows, moved = getattr(before, name), getattr(after, name)
            assert np.array_equal(old.images[rows], new.images[moved])
            assert np.array_equal(old.labels[rows], new.labels[moved])


SIZE = 200_000_000
HOLD = "import sys, time; held = b'x' * int(sys.argv[1]); time.sleep(0.5)"
HOLD_SHARED = """
import mmap, sys, time
with open(sys.argv[1], "r+b") as file:
    held = mmap.mmap(file.fileno(), 0)
for page in range(0, len(held), 4096):
    held[page]
time.sleep(1)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]], check=True)"
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has proportional set sizes")


def test_memory_of_a_process_that_a_process_started_is_seen(tmp_path):
    command = [sys.executable, "-c", PARENT, HOLD, SIZE]
    usage = process_tree.run_beside_each_other([command], [tmp_path / "log"], 0.05)
    assert SIZE < usage.peak_bytes < 1.5 * SIZE
    assert usage.peak_processes == 2
    assert 0.5 < usage.seconds[0] <= usage.wall_s


@linux
def test_memory_that_two_processes_share_counts_once(tmp_path):
    (tmp_path / "shared").write_bytes(b"x" * SIZE)
    commands = [[sys.executable, "-c", HOLD_SHARED, tmp_path / "shared"]] * 2
    logs = [tmp_path / "one.log", tmp_path / "other.log"]
    usage = process_tree.run_beside_each_other(commands, logs, 0.05)
    # Counted twice: 2 SIZE. If one is read before and the other after they share: 1.5 SIZE,
    # and the interpreters.
    assert SIZE < usage.peak_bytes < 1.75 * SIZE


def test_commands_run_beside_each_other_and_each_has_its_own_time(tmp_path):
    commands = [[sys.executable, "-c", f"import time; time.sleep({s})"] for s in (0.2, 1)]
    start = time.perf_counter()
    usage = process_tree.run_beside_each_other(commands, [tmp_path / "a", tmp_path / "b"], 0.1)
    assert usage.seconds[0] < usage.seconds[1] <= usage.wall_s < time.perf_counter() - start


def test_a_command_that_fails_is_an_error_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    with pytest.raises(RuntimeError, match="no such luck"):
        process_tree.run_beside_each_other([command], [tmp_path / "log"], 0.05)


def side(speed, all_in, accuracies):
    return {
        "images_per_s": speed, "all_in_images_per_s": all_in, "start_up_s": 1.0, "wall_s": 2.0,
        "peak_mib": 3.0, "peak_processes": 4, "accuracies": accuracies,
    }  # fmt: skip


def test_the_table_has_medians_and_the_ratios_are_those_of_turns():
    turns = [
        {"ours": side(100, 90, [0.1, 0.2]), "Flower": side(50, 30, [0.1, 0.3])},
        {"ours": side(400, 90, [0.1, 0.2]), "Flower": side(100, 30, [0.1, 0.3])},
        {"ours": side(300, 90, [0.1, 0.2]), "Flower": side(100, 30, [0.1, 0.3])},
    ]
    median = against_flower.median(turns)
    assert median["ours"]["images_per_s"] == 300
    assert median["Flower"]["first_over_this_images_per_s"] == 3
    text = against_flower.table({"model": "resnet34", "median": median, "turns": turns})
    (row,) = (line for line in text.splitlines() if "Flower " in line and "100" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["Flower", "100", "3.00", "30", "3.00", "1.0", "3", "4"]
    assert text.splitlines()[-1].split("|")[1:-1] != []
    assert [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")] == [
        "2", "0.2000", "0.3000",
    ]  # fmt: skip


def test_without_flower_the_benchmark_says_so_in_one_line(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(SystemExit, match="no Flower there; pip install"):
        against_flower.check_flower(python)


@pytest.mark.skipif(
    "FLOWER_PYTHON" not in os.environ and importlib.util.find_spec("flwr") is None,
    reason="flwr is not installed; FLOWER_PYTHON=<a Python with the extra 'benchmark'> tests it",
)
def test_flower_learns_what_the_engine_learns(tmp_path):
    command = [
        sys.executable, REPOSITORY / "benchmarks/against_flower.py", "--models", "mobilenet_v1",
        "--width", "0.125", "--rounds", "2", "--batch-size", "32", "--local-epochs", "2",
        "--learning-rate", "0.05", "--flower-python", Path(FLOWER_PYTHON),
        "--layouts", "channels_last", "--out", tmp_path / "result.json",
    ]  # fmt: skip
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "| Flower, 2 actors, our model and layout" in printed
    result = json.loads((tmp_path / "result.json").read_text())
    (turn,) = result["models"][0]["turns"]
    ours, flower, _ = turn.values()
    assert len(ours["accuracies"]) == len(flower["accuracies"]) == 2
    # Flower averages in float32, and what that rounds grows; after a round it hardly shows in 680
    # test images, after two it may be two standard deviations of a difference of two such means.
    gaps = np.abs(np.subtract(ours["accuracies"], flower["accuracies"]))
    assert gaps[0] < 0.02
    assert gaps[1] < 0.05
    assert flower["peak_processes"] > 3
    assert flower["images_per_s"] < flower["in_clients_images_per_s"] * 1.1

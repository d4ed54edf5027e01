"""The benchmark runs, and its two sides do the same work."""

import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from conftest import REPOSITORY, RUN, start

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import clients
import gpu
import prepare_data
import round_vs_loop
import scaling
from fedper.algorithm.federated import client_update, server_round
from fedper.algorithm.server import Server
from fedper.algorithm.state import Message, Update
from fedper.data.photos import decode_photos, open_photos
from fedper.errors import InputError
from fedper.names import MODELS
from PIL import Image


def test_the_plain_loop_trains_on_the_batches_of_the_engine_and_ends_with_its_weights():
    run = round_vs_loop.change(RUN, n_clients=1, personalization_layers=0, weight_decay=0.0)
    model, base, (client,) = round_vs_loop.set_up(run, 10, torch.device("cpu"))
    upload = client_update(model, Message(base), client, 1, run).upload
    plain, _, _ = round_vs_loop.set_up(run, 10, torch.device("cpu"))
    plain.load_state_dict(base)
    round_vs_loop.plain_loop(plain, [client], run)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, upload.base[name]), name


def test_the_benchmark_writes_a_ratio_for_both_models(tmp_path):
    command = [
        sys.executable, REPOSITORY / "benchmarks/round_vs_loop.py", "--cases",
        "mobilenet_v1:0.125:2:8", "resnet34:0.125:2:8", "--repeats", "1", "--device", "cpu",
        "--stem", "imagenet", "--loops", "channels_last",
        "--out", tmp_path / "result.json",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    result = json.loads((tmp_path / "result.json").read_text())
    ways = [(row["model"], row["processes"], row["threads"]) for row in result["rows"]]
    assert ways == [
        (model, *way) for way in ((1, 2), (2, 1)) for model in ("mobilenet_v1", "resnet34")
    ]
    assert all(row["round_over_fastest_loop"] > 0 for row in result["rows"])
    assert result["best_round_over_best_loop"].keys() == {
        "MobileNet-v1, width 0.125", "ResNet-34, width 0.125",
    }  # fmt: skip


def test_the_benchmark_of_the_reader_decodes_what_the_bare_loop_decodes(tmp_path):
    encoded = prepare_data._write_photos(tmp_path / "photos.zip", 5, (64, 48))
    with open_photos(tmp_path / "photos.zip", "40K") as photos:
        images, broken = decode_photos(photos, sorted(photos.names), 16, "bilinear", 2)
    assert broken == {}
    expected = [Image.open(io.BytesIO(content)).resize((16, 16), 2) for content in encoded]
    assert np.array_equal(images, np.stack([np.asarray(i).transpose(2, 0, 1) for i in expected]))
    result = prepare_data.measure_photos(4, (64, 48), turns=1, n_threads=2)
    assert result["ratio"] > 0


def test_scaling_measures_clients_and_shares():
    settings = {"width": 0.125, "n_clients": 3, "images": 4, "batch_size": 2}
    result = scaling.measure_clients(dict(settings))
    assert (result["clients"], result["images_per_client"]) == (3, 4)
    assert result["peak_mib"] > 50
    shares = scaling.measure_shares({"width": 0.125, "local_epochs": 1})
    parts = ("training_s", "aggregation_s", "evaluation_s", "checkpoints_s")
    assert all(shares[part] > 0 for part in parts)
    assert shares["training_s"] > shares["aggregation_s"]


def test_numbers_of_clients_are_compared_slice_by_slice(monkeypatch):
    """By a clock on which n clients take n ms an image, and twice that after a while."""
    now, played = [0.0], []

    def spy(model, download, client, round_, run):
        played.append((run.n_clients, client.number))
        slow = 2 if len(played) > 100 else 1
        now[0] += slow * len(client.train) * run.method.train[0].epochs * run.n_clients / 1000
        return Update(Message(download.base, n_samples=1), client, torch.zeros(()))

    monkeypatch.setattr(clients, "client_update", spy)
    monkeypatch.setattr(clients.time, "perf_counter", lambda: now[0])
    size = {**clients.SMALL, "width": 0.125, "local_epochs": 2, "batch_size": 4}
    rows = clients.in_turn(
        [{**size, "n_clients": 10, "images": 9, "rounds": 3},
         {**size, "n_clients": 30, "images": 3, "rounds": 1}], n_turns=2
    )  # fmt: skip
    first, second, third = ([(10, n + i) for i in range(3)] for n in (0, 3, 6))
    others = [[(30, n + i) for i in range(3)] for n in (0, 3, 6)]
    assert played[:18] == first + others[0] + second + others[1] + others[2] + third
    assert len(played) == 2 * 3 * (1 + 2 * 10)  # both, three clients a slice, one slice to warm up
    assert [(row["clients"], row["images_per_client"]) for row in rows] == [(10, 9), (30, 3)]
    assert rows[0]["training_ms_per_image"] == 10.0  # fast in most slices
    assert rows[0]["over_first"] == [1.0, 1.0, 1.0]
    assert rows[1]["over_first"] == [3.0, 3.0, 3.0]  # whoever is slow


def test_rounds_without_end_are_rounds(make_run, monkeypatch):
    run = make_run(n_clients=2)
    model, base, two = start(run, sizes=(8, 6))
    ended, finish = [], Server.finish
    monkeypatch.setattr(Server, "finish", lambda server: ended.append(finish(server)[0]))
    play = clients.play_without_end(model, run, base, two)
    for _ in range(4):
        next(play)
    monkeypatch.undo()
    expected, _ = server_round(model, base, two[:], 1, run)
    assert len(ended) == 2
    for averaged in ended:
        assert all(torch.equal(averaged[name], expected[name]) for name in expected)


def test_personalization_layers_are_compared_in_turn():
    series = scaling.k_p_series("resnet34", (0, 18))
    small = {"width": 0.125, "images": 2, "local_epochs": 1}
    rows = clients.in_turn([{**each, **small} for each in series], n_turns=1)
    assert [row["k_p"] for row in rows] == [0, 18]
    assert rows[0]["over_first"] == [1.0, 1.0, 1.0]
    low, median, high = rows[1]["over_first"]
    assert 0 < low <= median <= high


def test_clients_that_cannot_be_dealt_to_slices_are_refused():
    with pytest.raises(InputError, match="5 clients cannot be dealt to 10 slices"):
        clients.in_turn([{**clients.SMALL, "n_clients": 5, "images": 4, "rounds": 1}], n_turns=1)


def test_every_series_gives_all_numbers_of_clients_batches_of_one_size():
    series = clients.series(list(clients.CLIENTS))
    for settings in series.values():
        assert [each["n_clients"] for each in settings] == [10, 30, 100, 300, 1000]
        assert {each["images"] % each["batch_size"] for each in settings} == {0}
        assert {each["n_clients"] * each["rounds"] % clients.N_SLICES for each in settings} == {0}
    assert {each["images"] * each["n_clients"] for each in series["fixed_in_all"]} == {48_000}
    assert series["one_step"][-1]["images"] == series["one_step"][-1]["batch_size"]


def test_plain_convolutions_are_pytorch_s():
    model, _, _ = round_vs_loop.set_up(
        replace(round_vs_loop.RUN, model="resnet34", width=0.125), 2, torch.device("cpu")
    )
    plain = round_vs_loop.with_plain_convolutions(model)
    assert {type(m) for m in plain.modules() if isinstance(m, torch.nn.Conv2d)} == {torch.nn.Conv2d}


def test_a_gpu_is_asked_for_both_models_in_all_precisions():
    planned = gpu.plan(1024)
    speeds = {
        (one["model"], one["precision"], one.get("deterministic"))
        for one in planned
        if one["kind"] == "speed" and one["n_clients"] == 10
    }
    precisions = ("float32", "tf32", "bfloat16")
    assert set(product(MODELS, precisions, (True, False))) <= speeds
    assert {one["batch_size"] for one in planned if "batch_size" in one} == {4}
    assert {one["model"] for one in planned if one["kind"] == "round"} == set(MODELS)
    assert {one["model"] for one in planned if one["kind"] == "kernels"} == set(MODELS)


TINY = {"model": "mobilenet_v1", "width": 0.25, "precision": "tf32", "n_clients": 2,
        "batch_size": 8, "images": 16, "local_epochs": 1}  # fmt: skip


def test_recorded_steps_are_compared_with_steps_kernel_by_kernel():
    result = gpu.measure_here({"kind": "speed", **TINY}, "cpu")
    assert result["recorded_images_per_s"] > 0
    assert result["largest_difference_of_losses"] == 0  # on a CPU it is the same computation


def test_a_round_has_training_tests_and_checkpoint_apart():
    result = gpu.measure_here({"kind": "round", **TINY}, "cpu")
    assert len(result) == 3
    for row in result.values():
        assert row.keys() == {"training_s", "evaluation_s", "checkpoint_s"}
        assert min(row["training_s"], row["evaluation_s"]) > 0


def test_what_takes_longest_is_named():
    result = gpu.measure_here({"kind": "kernels", **TINY}, "cpu")
    shares = list(result["share_of_time"].values())
    assert len(shares) == gpu.N_KERNELS
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1


def test_a_measurement_that_fails_or_hangs_is_named_and_ends_no_other():
    assert gpu.apart([sys.executable, "-c", "print('{\"a\": 1}')"], 60) == {"a": 1}
    broken = gpu.apart([sys.executable, "-c", "raise ValueError('no card')"], 60)
    assert broken == {"failed": "ValueError: no card"}
    start = time.monotonic()
    hung = gpu.apart([sys.executable, "-c", "while 1: pass"], 1)
    assert hung == {"failed": "took more than 1 s"}
    assert time.monotonic() - start < 5

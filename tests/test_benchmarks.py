"""The benchmark runs, and its two sides do the same work."""

import io
import json
import subprocess
import sys

import numpy as np
import torch
from conftest import REPOSITORY, RUN

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import prepare_data
import round_vs_loop
from fedper.data.photos import decode_photos, open_photos
from fedper.federated import Message, client_update
from PIL import Image


def test_the_plain_loop_trains_on_the_batches_of_the_engine_and_ends_with_its_weights():
    run = round_vs_loop.replace(RUN, n_clients=1, personalization_layers=0, weight_decay=0.0)
    model, base, (client,) = round_vs_loop.set_up(run, 10, torch.device("cpu"))
    upload, _, _ = client_update(model, Message(base), client, 1, run)
    plain, _, _ = round_vs_loop.set_up(run, 10, torch.device("cpu"))
    plain.load_state_dict(base)
    round_vs_loop.plain_loop(plain, [client], run)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, upload.base[name]), name


def test_the_benchmark_writes_a_ratio_for_both_models(tmp_path):
    command = [
        sys.executable, REPOSITORY / "benchmarks/round_vs_loop.py", "--width", "0.0625",
        "--images", "8", "--repeats", "1", "--device", "cpu", "--out", tmp_path / "result.json",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert [model["model"] for model in result["models"]] == ["mobilenet_v1", "resnet34"]
    assert all(model["round_over_fastest_loop"] > 0 for model in result["models"])


def test_the_benchmark_of_the_reader_decodes_what_the_bare_loop_decodes(tmp_path):
    encoded = prepare_data._write_photos(tmp_path / "photos.zip", 5, (64, 48))
    with open_photos(tmp_path / "photos.zip", "40K") as photos:
        images, broken = decode_photos(photos, sorted(photos.names), 16, "bilinear", 2)
    assert broken == {}
    expected = [Image.open(io.BytesIO(content)).resize((16, 16), 2) for content in encoded]
    assert np.array_equal(images, np.stack([np.asarray(i).transpose(2, 0, 1) for i in expected]))
    result = prepare_data.measure_photos(4, (64, 48), turns=1, n_threads=2)
    assert result["ratio"] > 0

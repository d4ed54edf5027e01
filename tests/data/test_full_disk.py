"""A full disk: scripts as a user runs them, on a small disk of their own."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bad_server import serving, whole
from conftest import REPOSITORY
from test_data import random_images, write_parquet

OWN_MOUNTS = ["unshare", "--mount", "--map-root-user"]


def can_mount() -> bool:
    try:
        command = [*OWN_MOUNTS, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(
    not can_mount(), reason="this machine does not let a test mount a small disk"
)


def run_on_small_disk(disk: Path, script: str, *arguments: object, **environment: str):
    """Run a script in ``disk``, 200 kB large; afterwards print the files that are there."""
    disk.mkdir()
    command = [sys.executable, REPOSITORY / "scripts" / script, *arguments]
    lines = [
        f"mount -t tmpfs -o size=200k tmpfs {shlex.quote(str(disk))}",
        f"cd {shlex.quote(str(disk))}",
        f"{shlex.join(map(str, command))}; status=$?; find . -type f; exit $status",
    ]
    return subprocess.run(
        [*OWN_MOUNTS, "sh", "-c", " && ".join(lines)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def assert_full(result, what: str) -> None:
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert what in line
    assert "No space left on device" in line
    assert "Traceback" not in result.stderr


def test_a_download_stops_and_keeps_what_came_out_of_the_target(tmp_path):
    name = "train-00000-of-00001.parquet"
    path = f"0b2714987fa478483af9968de7c934580d0bb9a2/plain_text/{name}"
    sources = json.dumps([{"from": "huggingface"}, {"from": "torchvision"}])
    with serving() as server:
        body = np.random.default_rng(0).bytes(3_000_000)
        server.replies[f"/datasets/uoft-cs/cifar10/resolve/{path}"] = [whole(body)]
        result = run_on_small_disk(
            tmp_path / "disk", "fetch.py", "--dataset", "cifar10", "--raw", "raw",
            "--sources", sources, "--out", "receipt.json", HF_ENDPOINT=server.url,
        )  # fmt: skip
    assert_full(result, f"raw/incomplete/huggingface/cifar10/{name}")
    assert all("incomplete" in file for file in result.stdout.splitlines())


def test_a_stand_in_leaves_nothing_behind(tmp_path):
    stand_in = {
        "source": "simulated", "n_images": 200, "n_workers": 3, "fewest_ratings": 60,
        "most_ratings": 90, "noise": 0.1, "seed": 0,
    }  # fmt: skip
    result = run_on_small_disk(
        tmp_path / "disk", "fetch.py", "--dataset", "flickr_aes", "--raw", "raw",
        "--sources", "[]", "--stand-in", json.dumps(stand_in), "--out", "receipt.json",
    )  # fmt: skip
    assert_full(result, "raw/simulated/flickr_aes-")
    assert result.stdout == ""


def test_a_prepared_data_set_leaves_nothing_behind(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for split in ("train", "test"):
        write_parquet(raw / f"{split}-0.parquet", random_images(60), [n % 10 for n in range(60)])
    sources = json.dumps([{"from": "files", "folder": str(raw)}])
    command = [
        sys.executable, REPOSITORY / "scripts/fetch.py", "--dataset", "cifar10", "--raw", raw,
        "--sources", sources, "--out", tmp_path / "receipt.json",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    result = run_on_small_disk(
        tmp_path / "disk", "prepare_dataset.py", "--receipt", tmp_path / "receipt.json",
        "--settings", '{"dataset": "cifar10", "stand_in": null}',
        "--out", "d.safetensors", "--about", "d.json", "--provenance", "p.json",
        "--excluded", "d.csv",
    )  # fmt: skip
    assert_full(result, "error: d.safetensors: ")
    assert "of 0.4 MB to write; mend that" in result.stderr
    assert result.stdout == ""

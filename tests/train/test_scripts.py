"""The scripts from the shell: same seed same bytes, and one clear line for bad input."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPOSITORY, SMALL, run_main
from fedper.data.make_partition import make_partition
from fedper.data.stored import read_partition, save_dataset, write_partition
from fedper.files import FILES_OF_A_RUN
from fedper.job.record import HISTORY_COLUMNS
from fedper.plan.run_file import read_run
from fedper.run import change


def run_script(name: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, REPOSITORY / "scripts" / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def assert_one_clear_line(result: subprocess.CompletedProcess, *words: str) -> None:
    assert result.returncode == 1, result.stderr
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line


@pytest.fixture
def inputs(small_dataset, tmp_path) -> Path:
    """A folder with a prepared data set and a partition of it."""
    save_dataset(small_dataset, tmp_path / "data.safetensors")
    for seed in (0, 1):
        partition = make_partition(small_dataset, SMALL.samples, 5, 4, seed)
        write_partition(partition, tmp_path / f"partition{seed}.json")
    return tmp_path


def train(inputs: Path, run, out: str) -> subprocess.CompletedProcess:
    return run_script(
        "train.py", "--run", run.to_json(), "--data", inputs / "data.safetensors",
        "--partition", inputs / f"partition{run.seed}.json", "--device", "cpu",
        "--out", inputs / out,
    )  # fmt: skip


def test_one_seed_gives_one_history_and_another_seed_another(inputs):
    for out, seed in (("one", 0), ("again", 0), ("other", 1)):
        result = train(inputs, change(SMALL, seed=seed), out)
        assert result.returncode == 0, result.stderr
    one, again, other = (
        (inputs / out / "history.csv").read_bytes() for out in ("one", "again", "other")
    )
    assert one == again
    assert one != other
    assert one.decode().splitlines()[0] == ",".join(HISTORY_COLUMNS)
    assert len(one.decode().splitlines()) == 1 + 2 * 5


def test_a_run_that_is_there_is_trained_again_only_if_it_is_another_or_spoiled(inputs, capsys):
    folder = inputs / "out"

    def said(run):
        """Train in this process, which has loaded PyTorch already; what is said."""
        capsys.readouterr()
        status = run_main(
            "train.py", "--run", run.to_json(), "--data", inputs / "data.safetensors",
            "--partition", inputs / "partition0.json", "--device", "cpu", "--out", folder,
        )  # fmt: skip
        assert status == (0, "")
        return capsys.readouterr().out

    said(SMALL)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert set(before) == set(FILES_OF_A_RUN)
    for name in before:
        os.utime(folder / name, (1, 1))
    assert said(SMALL).startswith(f"{SMALL.name}: {folder} has this run")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert all(file.stat().st_mtime > 1 for file in folder.iterdir())

    about = json.loads(before["run.json"])
    for spoil in (
        lambda: (folder / "history.csv").write_bytes(before["history.csv"][:-5]),
        lambda: (folder / "timing.csv").unlink(),
        lambda: (folder / "run.json").write_text("[]"),
        lambda: (folder / "run.json").write_text(json.dumps(about | {"code_sha256": "other"})),
        lambda: (folder / "run.json").write_text(json.dumps(about | {"partition_sha256": ""})),
        lambda: (folder / "run.json").write_text(json.dumps(about | {"sha256": {}})),
    ):
        spoil()
        assert "round 1/" in said(SMALL)
        assert (folder / "history.csv").read_bytes() == before["history.csv"]
    assert "round 1/" in said(change(SMALL, learning_rate=0.01))


def test_a_run_says_what_it_was_and_can_be_repeated_from_that(inputs):
    first = train(inputs, SMALL, "first")
    lines = first.stdout.strip().splitlines()
    assert len(lines) == SMALL.rounds
    assert "round 1/2, accuracy 0." in lines[0]
    assert "min left" in lines[0]

    about = json.loads((inputs / "first/run.json").read_text())
    assert read_run(json.dumps(about)) == SMALL
    assert about["data"] == {"source": "test"}
    assert len(about["code_sha256"]) == 64
    assert set(about["versions"]) == {"python", "torch", "torchvision"}
    assert about["device"].startswith("cpu")
    timing = (inputs / "first/timing.csv").read_text().splitlines()
    assert timing[0] == "round,training_s,evaluation_s,checkpoint_s"
    assert len(timing) == 1 + SMALL.rounds

    repeated = run_script(
        "train.py", "--run", inputs / "first/run.json", "--data", inputs / "data.safetensors",
        "--partition", inputs / "partition0.json", "--device", "cpu", "--out", inputs / "second",
    )  # fmt: skip
    assert repeated.returncode == 0, repeated.stderr
    assert (inputs / "first/history.csv").read_bytes() == (
        inputs / "second/history.csv"
    ).read_bytes()


def test_too_many_personal_layers_are_refused(inputs):
    result = train(inputs, change(SMALL, personalization_layers=16), "out")
    assert_one_clear_line(result, "personalization_layers: 16", "only 15 layers")
    assert not (inputs / "out").exists()


def test_a_client_with_one_sample_is_refused(inputs):
    partition = read_partition(inputs / "partition0.json")
    partition.clients[2].train[1:] = []
    write_partition(partition, inputs / "partition0.json")
    assert_one_clear_line(
        train(inputs, SMALL, "out"), "a client has 1 training or test samples, fewer than the 2"
    )


@pytest.mark.parametrize("change", [{"seed": 1}, {"classes_per_client": 8}, {"n_clients": 10}])
def test_a_partition_of_other_settings_is_refused(inputs, change):
    write_partition(read_partition(inputs / "partition0.json"), inputs / "partition1.json")
    result = train(inputs, replace(SMALL, **change), "out")
    assert_one_clear_line(result, "the partition is for seed 0, classes_per_client 4 and 5 clients")


def test_missing_inputs_are_refused_by_name(inputs):
    (inputs / "partition0.json").unlink()
    assert_one_clear_line(train(inputs, SMALL, "out"), "partition0.json", "run the pipeline again")
    (inputs / "data.safetensors").unlink()
    assert_one_clear_line(train(inputs, SMALL, "out"), "data.safetensors", "prepare the data again")


def test_missing_and_truncated_data_files_are_refused_and_nothing_is_written(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    fetch = (
        "fetch.py", "--dataset", "cifar10", "--raw", raw, "--out", out / "source.json",
        "--sources", json.dumps([{"from": "files", "folder": str(raw)}]),
    )  # fmt: skip
    words = (str(raw), "neither train-*.parquet", "nor cifar-10-python.tar.gz", "make raw FROM=")
    assert_one_clear_line(run_script(*fetch), *words)
    assert not out.exists()
    raw.mkdir()
    for name in ("train-0.parquet", "test-0.parquet"):
        (raw / name).write_bytes(b"PAR1 and no more")
    assert run_script(*fetch).returncode == 0
    prepare = (
        "prepare_dataset.py", "--receipt", out / "source.json", "--out", out / "d.safetensors",
        "--settings", '{"dataset": "cifar10", "stand_in": null}',
        "--about", out / "d.json", "--provenance", out / "p.json", "--excluded", out / "d.csv",
    )  # fmt: skip
    assert_one_clear_line(run_script(*prepare), "train-0.parquet: not a whole parquet file")
    assert [path.name for path in out.iterdir()] == ["source.json"]
    (out / "source.json").write_text("{}")
    assert_one_clear_line(run_script(*prepare), "source.json: not a receipt of fetch.py")


@pytest.mark.parametrize(("k", "words"), [(0, "0 is not in 1 … 10"), (11, "11 is not in 1 … 10")])
def test_impossible_k_is_refused(inputs, k, words):
    result = run_script(
        "partition_dataset.py", "--data", inputs / "data.safetensors", "--n-clients", 5,
        "--settings", json.dumps(SMALL.samples), "--classes-per-client", k,
        "--seed", 0, "--out", inputs / "new.json",
    )  # fmt: skip
    assert_one_clear_line(result, "classes_per_client", words)
    assert not (inputs / "new.json").exists()


def test_data_that_do_not_say_who_holds_them_are_not_partitioned_by_worker(inputs):
    result = run_script(
        "partition_dataset.py", "--data", inputs / "data.safetensors", "--n-clients", 5,
        "--settings", '{"rule": "workers"}', "--seed", 0, "--out", inputs / "new.json",
    )  # fmt: skip
    assert_one_clear_line(result, "the data set does not say who holds what", "use slots")
    assert not (inputs / "new.json").exists()


def test_cuda_where_there_is_none_is_refused(inputs):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    result = run_script(
        "train.py", "--run", SMALL.to_json(), "--data", inputs / "data.safetensors",
        "--partition", inputs / "partition0.json", "--device", "cuda", "--out", inputs / "out",
    )  # fmt: skip
    assert_one_clear_line(
        result, "device: 'cuda', but PyTorch sees no GPU on ", "compute.device: cpu"
    )

"""A run that was interrupted goes on as if it had not been, or says in one line why it cannot."""

import errno
import fcntl
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace

import fedper.job.record as record
import pandas as pd
import pytest
import torch
from conftest import REPOSITORY, SMALL, start
from fedper.algorithm.federated import server_round
from fedper.data.make_partition import make_partition
from fedper.errors import InputError
from fedper.files import PREFIX
from fedper.job.checkpoint import Checkpoints, kept_in
from fedper.job.progress import Progress, take_up, to_tensors
from fedper.job.simulate import simulate
from fedper.method import Phase, Test
from fedper.names import MODELS
from fedper.run import change
from safetensors import safe_open
from safetensors.torch import save_file

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import kill_and_resume

FEW = SMALL.samples | {"images_per_class": 8, "test": {"from": "official", "images_per_class": 8}}
RUN = change(SMALL, samples=FEW, rounds=4, n_clients=2, classes_per_client=5, learning_rate=0.005)
CPU = torch.device("cpu")


@pytest.fixture
def play(small_dataset, tmp_path):
    """Return a function that simulates a run with its checkpoints, and can be stopped by a line."""

    def played(
        run=RUN, stop_at="never", seed=0, folder=tmp_path / "checkpoints", data=None,
        every_s=0.0, elsewhere=False, limit=None,
    ):  # fmt: skip
        lines = []

        def show(line):
            lines.append(line)
            if stop_at in line:
                raise KeyboardInterrupt

        partition = make_partition(small_dataset, FEW, RUN.n_clients, 5, seed)
        data = data or small_dataset
        checkpoints = None
        if folder:
            folder.mkdir(exist_ok=True)
            about = record.conditions(run, data, partition, CPU)
            checkpoints = Checkpoints(folder, about, every_s, elsewhere)
        try:
            progress = simulate(run, data, partition, CPU, show, checkpoints, limit)
            played.progress = progress
            history = pd.DataFrame(progress.history)
        except KeyboardInterrupt:
            history = None
        return history, lines

    return played


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".safetensors")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"personalization_layers": 0},
        {"personalization_layers": MODELS["mobilenet_v1"].n_layers},
        {"tests": (Test("end", "own"),)},
        {"optimiser_state": "carried"},
        {"augmentation": "flip_and_crop"},
        {"tests": (Test("end", "averaged"), Test("before", "averaged")), "other_tests_every": 3},
        {"new_base": (Phase("personal", 1),)},
        {"tests": (Test("end", "own", train=(Phase("all", 1),)),), "personalization_layers": 0},
        {"tests": (Test("end", "own"), Test("end", "own", "fresh", (Phase("personal", 1),)))},
        {"base": "linear"},
    ],
    ids=lambda changes: ", ".join(map(str, changes.values())) or "plain",
)
def test_an_interrupted_run_ends_with_the_same_bytes(play, tmp_path, changes):
    run = change(RUN, **changes)
    whole, _ = play(run, folder=None)
    assert play(run, stop_at="round 3/4")[0] is None  # the line comes after the checkpoint
    assert files(tmp_path / "checkpoints") == ["round-00002.safetensors", "round-00003.safetensors"]
    resumed, lines = play(run)
    assert [line.split(", ")[0].split(": ")[1] for line in lines] == ["round 4/4"]
    assert resumed.to_csv() == whole.to_csv()


def test_a_checkpoint_copies_no_weights_and_gives_them_back_in_their_layout(make_run):
    run = make_run(personalization_layers=2)
    model, base, clients = start(run, sizes=(8, 6))
    base, _ = server_round(model, base, clients, 1, run)
    progress = Progress(base, clients)
    tensors = to_tensors(progress)
    states = {"base": base, "personal/1": clients[1].personal}
    for part, state in states.items():
        for name, tensor in state.items():
            kept = tensors[f"{part}/{name}"]
            assert kept.is_contiguous()
            assert kept.data_ptr() == tensor.data_ptr()
    written = {name: tensor.clone() for name, tensor in tensors.items()}
    take_up(progress, 3, sorted(written.items()))
    assert progress.round == 3
    taken_up = {"base": progress.base, "personal/1": progress.clients[1].personal}
    for part, state in states.items():
        assert taken_up[part].keys() == state.keys()
        for name, tensor in taken_up[part].items():
            assert torch.equal(tensor, state[name])
            assert tensor.stride() == state[name].stride()


def damage(path, where=-100):
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)


def damage_a_weight(path):
    with safe_open(path, framework="pt") as file:
        weight = file.get_tensor("personal/1/classifier.fc.weight").numpy().tobytes()
    damage(path, path.read_bytes().index(weight) + 3)


def damage_the_round(path):
    damage(path, path.read_bytes().index(b'"round":"3"') + 9)


def damage_the_settings(path):
    damage(path, path.read_bytes().index(b"mobilenet_v1"))


def without_metadata(path):
    save_file({}, path)


def of_another_kind(path):
    save_file({"rows": torch.zeros(2).to(torch.float8_e4m3fn)}, path, metadata={"sha256": "0"})


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    "spoil",
    [
        damage,
        damage_a_weight,
        damage_the_round,
        damage_the_settings,
        truncate,
        without_metadata,
        of_another_kind,
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_damaged_checkpoint_is_named_and_the_round_before_is_used(play, tmp_path, spoil):
    whole, _ = play(folder=None)
    play(stop_at="round 3/4")
    last = tmp_path / "checkpoints/round-00003.safetensors"
    spoil(last)
    resumed, lines = play()
    assert lines[0].startswith(f"{last}: damaged (")
    assert lines[0].endswith("not used; the one before is, if there is one")
    assert "round 3/4" in lines[1]
    assert resumed.to_csv() == whole.to_csv()


def test_with_all_checkpoints_damaged_the_run_starts_again(play, tmp_path):
    whole, _ = play(folder=None)
    play(stop_at="round 3/4")
    for path in (tmp_path / "checkpoints").glob("*.safetensors"):
        damage(path)
    resumed, lines = play()
    assert sum("damaged" in line for line in lines) == 2
    assert "round 1/4" in lines[2]
    assert resumed.to_csv() == whole.to_csv()


def test_a_checkpoint_of_another_configuration_is_refused_and_stays(play, tmp_path):
    play(stop_at="round 2/4")
    before = files(tmp_path / "checkpoints")
    with pytest.raises(InputError, match=r"round-00002.safetensors: run was .*start again"):
        play(change(RUN, learning_rate=0.01))
    assert files(tmp_path / "checkpoints") == before


def test_a_checkpoint_of_other_code_data_or_machine_is_refused(
    play, tmp_path, monkeypatch, small_dataset
):
    play(stop_at="round 3/4")
    with pytest.raises(InputError, match="data was"):
        play(data=replace(small_dataset, provenance={"source": "another"}))
    conditions = record.conditions
    for key in ("code_sha256", "partition_sha256", "device", "versions"):
        other = lambda *a, key=key: {**conditions(*a), key: "other"}  # noqa: E731
        monkeypatch.setattr(record, "conditions", other)
        is_machine = key in record.MACHINE_KEYS
        with pytest.raises(InputError, match=f"{key} was") as refused:
            play()
        assert ("use --elsewhere" in str(refused.value)) == is_machine
        if not is_machine:
            with pytest.raises(InputError, match=f"{key} was"):
                play(elsewhere=True)


def test_a_run_goes_on_elsewhere_if_it_may_and_names_every_machine(play, monkeypatch):
    whole, _ = play(folder=None)
    play(stop_at="round 1/4")
    here = record.machine(CPU)
    there = {**here, "device": "cpu: another"}
    monkeypatch.setattr(record, "machine", lambda device: there)
    play(stop_at="round 3/4", elsewhere=True)
    monkeypatch.undo()
    history, _ = play(elsewhere=True)
    assert history.to_csv() == whole.to_csv()  # in truth it was the same machine
    assert play.progress.machines == [
        {"from_round": 1, **here}, {"from_round": 2, **there}, {"from_round": 4, **here},
    ]  # fmt: skip
    monkeypatch.setattr(record, "machine", lambda device: there)
    again, _ = play(elsewhere=True)  # it is finished: nobody takes over
    assert len(play.progress.machines) == 3
    assert again.to_csv() == whole.to_csv()


WHO = f"{socket.gethostname()}, process {os.getpid()}"


def test_two_processes_do_not_train_the_same_run(tmp_path):
    folder = tmp_path / "checkpoints"
    with (
        kept_in(folder),
        pytest.raises(InputError, match=f"lock: {re.escape(WHO)} trains this run; wait for it or"),
        kept_in(folder),
    ):
        pass
    assert not folder.exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_that_refuses_locks_is_named_and_not_another_process(
    tmp_path, monkeypatch, number
):
    def refuse(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(InputError, match=r"\.lock: this file system refuses locks \("),
        kept_in(tmp_path / "checkpoints"),
    ):
        pass


def test_at_the_end_only_checkpoints_are_removed(play, tmp_path):
    folder = tmp_path / "checkpoints"
    with kept_in(folder):
        play(folder=folder)
        assert len(files(folder)) == 2
    assert not folder.exists()
    folder.mkdir()
    (folder / "mine.txt").write_text("kept")
    with kept_in(folder):
        play(folder=folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_checkpoints_stay_if_the_results_cannot_be_written(play, tmp_path):
    folder = tmp_path / "checkpoints"

    def fail():
        play(folder=folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk"), kept_in(folder):
        fail()
    assert files(folder) == ["round-00003.safetensors", "round-00004.safetensors"]


def test_what_a_killed_writer_left_is_removed(play, tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    left = folder / f"{PREFIX}abc.safetensors"
    left.mkdir()
    (left / "round-00001.safetensors").write_text("half")
    (left / ".tmpJWV0xn").write_text("safetensors 0.8 writes into a temporary file of its own")
    play()
    assert files(folder) == ["round-00003.safetensors", "round-00004.safetensors"]


def test_a_run_that_diverges_stops_at_once_and_keeps_its_history(play, tmp_path):
    diverging = change(RUN, learning_rate=1e6)
    history, lines = play(diverging, folder=None)
    with kept_in(tmp_path / "checkpoints"):
        again, _ = play(diverging)
    assert again.equals(history)
    ended = history["round"].max()
    assert ended < RUN.rounds
    losses = history.set_index("round")[["train_loss", "test_loss"]]
    assert losses.loc[ended].isna().to_numpy().any() or (losses.loc[ended] == float("inf")).any()
    assert len(losses.loc[ended]) == RUN.n_clients
    assert f"diverged in round {ended}: " in lines[-1]
    assert "of client " in lines[-1]
    assert "with learning rate 1e+06; stopped" in lines[-1]


@pytest.mark.slow
def test_runs_that_are_killed_end_with_the_same_bytes(tmp_path, monkeypatch):
    kinds = ["FedPer", "FedAvg fine-tuned", "FedPer", "FedAvg fine-tuned", "FedPer"]
    shorter = {kind: change(run, rounds=4) for kind, run in kill_and_resume.KINDS.items()}
    monkeypatch.setattr(kill_and_resume, "KINDS", shorter)
    kills = kill_and_resume.measure(tmp_path, kinds, n_kills=5, seed=1, jobs=2)
    assert [kill["kind"] for kill in kills] == kinds
    for kill in kills:
        assert kill["resumed"], kill
        assert kill["identical"], kill
        assert not kill["left_behind"], kill
    listed = subprocess.run(["ls", "-A", tmp_path], capture_output=True, text=True, check=True)
    assert "-checkpoints" not in listed.stdout

"""What happens to results under DVC when a disk, a storage, a signal or a second run does harm."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from dvc_world import ENVIRONMENT, adopt, call, mini, must, must_agree, spoil, write_config

pytestmark = pytest.mark.slow

N_ROUNDS = 24
HISTORY = "-kp2-seed0-*/history.csv"


def history_of(folder: Path) -> Path:
    (path,) = folder.glob(f"results/mini/runs/*{HISTORY}")
    return path


def object_of(store: Path, history: Path, kind: str) -> Path:
    """Where a cache or a storage has a history, or the list of all runs' files."""
    for path in store.glob("files/md5/*/*.dir"):
        for entry in json.loads(path.read_text()):
            if history.match(entry["relpath"]):
                md5 = entry["md5"]
                return path if kind == "list" else store / "files/md5" / md5[:2] / md5[2:]
    raise AssertionError(f"{store} has no {history}")


def refused(folder: Path) -> str:
    """What adopt.py says, in one line, when it does not adopt."""
    done = adopt(folder)
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("error: ")
    return line


def do_what_it_says(folder: Path, line: str, aside: Path) -> list[str]:
    """Move away the files that adopt.py names, and call the first command that it gives."""
    named, rest = line.removeprefix("error: ").split(": not what ")
    aside.mkdir(exist_ok=True)
    for name in named.split(" and "):
        (folder / name).rename(aside / name.replace("/", "-"))
    must(folder, *rest.split("`")[1].split())
    return named.split(" and ")


@pytest.mark.parametrize("is_used", [True, False])
def test_a_spoiled_cache_is_not_adopted_and_heals_with_the_next_pull(clone, tmp_path, is_used):
    history = history_of(clone)
    before = history.read_bytes()
    stored = object_of(clone / ".dvc/cache", history, "history")
    wrong = spoil(stored)
    if is_used:
        shutil.rmtree(clone / "results/mini/runs")
        must(clone, "dvc", "checkout")
        assert history.read_bytes() == wrong  # DVC puts it there without a word
    else:
        history.unlink()
    assert (json.loads(must(clone, "dvc", "status", "--json")) == {}) == is_used
    line = refused(clone)
    assert "`dvc pull`, or else `dvc repro`" in line
    wrong_files = [history, stored] if is_used else [stored]
    assert do_what_it_says(clone, line, tmp_path / "aside") == [
        str(path.relative_to(clone)) for path in wrong_files
    ]
    assert history.read_bytes() == before
    assert adopt(clone).returncode == 0
    must_agree(clone)


def test_a_spoiled_list_heals_with_the_next_pull(clone, tmp_path):
    listed = object_of(clone / ".dvc/cache", history_of(clone), "list")
    spoil(listed)
    shutil.rmtree(clone / "results/mini/runs")
    line = refused(clone)
    assert do_what_it_says(clone, line, tmp_path / "aside") == [str(listed.relative_to(clone))]
    assert adopt(clone).returncode == 0
    must_agree(clone)


def test_a_file_that_rotted_in_the_workspace_heals_with_the_next_checkout(clone, tmp_path):
    history = history_of(clone)
    before = history.read_bytes()
    spoil(history)
    assert json.loads(must(clone, "dvc", "status", "--json")) == {}
    line = refused(clone)
    assert "`dvc checkout` brings it again" in line
    assert do_what_it_says(clone, line, tmp_path / "aside") == [str(history.relative_to(clone))]
    assert history.read_bytes() == before
    assert adopt(clone).returncode == 0


def test_what_somebody_changed_is_named_not_adopted_and_stays(clone):
    history = history_of(clone)
    history.write_text("mine")
    assert refused(clone).startswith(f"error: {history.relative_to(clone)}: not what DVC wrote")
    assert history.read_text() == "mine"


def test_nothing_is_adopted_after_a_change_of_the_configuration(clone):
    config = mini()
    config["seeds"] = [0, 1]
    write_config(clone, config)
    assert "changed; pull and adopt before any change" in refused(clone)


def test_runs_of_other_code_are_not_adopted(clone):
    about = history_of(clone).with_name("run.json")
    about.write_text(about.read_text().replace('"code_sha256": "', '"code_sha256": "0'))
    must(clone, "dvc", "commit", "--force", "train")
    must(clone, "dvc", "commit", "--force", "report")
    assert f"{about.relative_to(clone)}: made by other training code" in refused(clone)


def test_a_spoiled_storage_reaches_no_workspace_and_heals(made, bare, tmp_path):
    shutil.copytree(made.parent / "storage", tmp_path / "storage")
    must(bare, "dvc", "remote", "modify", "local", "url", tmp_path / "storage")
    must(bare, "git", "commit", "-qam", "another storage")
    history = history_of(made)
    stored = object_of(tmp_path / "storage", history, "history")
    spoil(stored)
    done = call(bare, "dvc", "pull")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not list(bare.glob("results/mini/runs/*/history.csv"))
    line = refused(bare)
    (wrong,) = re.findall("spoiled: remove (.+) and (.+) there, then `dvc repro` and", line)
    assert tmp_path / "storage" / wrong[0] == stored
    for path in wrong:
        (tmp_path / "storage" / path).unlink()
    must(bare, "dvc", "repro")
    assert history_of(bare).read_bytes() == history.read_bytes()
    must(bare, "dvc", "push")
    must(bare, "git", "commit", "-qam", "made again")
    must(tmp_path, "git", "clone", "-q", bare, "another")
    must(tmp_path / "another", "dvc", "pull")
    assert adopt(tmp_path / "another").returncode == 0
    must_agree(tmp_path / "another")


def start(folder: Path) -> subprocess.Popen:
    """Start `dvc repro train` with more rounds, and wait until a round has been trained."""
    config = mini()
    config["datasets"]["cifar10"]["rounds"] = N_ROUNDS
    write_config(folder, config)
    for log in folder.glob("logs/mini/train/*.log"):
        log.unlink()
    with (folder / "repro.log").open("w") as log:
        process = subprocess.Popen(
            ["dvc", "repro", "train"], cwd=folder, stdout=log, stderr=log, env=ENVIRONMENT,
            start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    for _ in range(600):
        if any("round" in log.read_text() for log in folder.glob("logs/mini/train/*.log")):
            return process
        assert process.poll() is None, (folder / "repro.log").read_text()
        time.sleep(0.1)
    raise AssertionError("no round within a minute")


def must_be_whole(folder: Path, made: Path) -> None:
    """Every round is there, and those that a run of two rounds has too are the same."""
    for k_p in (0, 2):
        (path,) = folder.glob(f"results/mini/runs/*-kp{k_p}-*/history.csv")
        (other,) = made.glob(f"results/mini/runs/*-kp{k_p}-*/history.csv")
        history, shorter = pd.read_csv(path), pd.read_csv(other)
        assert list(history["round"].unique()) == list(range(1, N_ROUNDS + 1))
        assert history[history["round"] <= shorter["round"].max()].equals(shorter)


def running_in(folder: Path) -> list[str]:
    """Name the processes that work in a folder."""
    processes = psutil.process_iter(["name", "cwd"])
    return [process.info["name"] for process in processes if process.info["cwd"] == str(folder)]


def test_a_repro_that_was_killed_or_interrupted_heals_and_a_second_one_is_refused(made, bare):
    """Each `dvc repro` follows the one before with no step in between."""
    killed = start(bare)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not list(bare.glob("results/mini/runs/*/run.json"))
    interrupted = start(bare)
    os.killpg(interrupted.pid, signal.SIGINT)
    assert interrupted.wait(timeout=60) != 0
    assert running_in(bare) == []
    assert not list(bare.glob("results/mini/runs/*/run.json"))
    first = start(bare)
    second = call(bare, "dvc", "repro", "train")
    assert second.returncode != 0
    (line,) = [line for line in second.stderr.splitlines() if line.startswith("ERROR")]
    assert "is busy, it is being blocked by" in line
    assert f"(PID {first.pid}): " in second.stderr
    assert "Traceback" not in second.stderr
    assert first.wait(timeout=120) == 0, (bare / "repro.log").read_text()
    must_be_whole(bare, made)

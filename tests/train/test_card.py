"""Cards that are handed out, with pretended ones."""

import subprocess
import sys
import time

import pytest
import torch
from conftest import REPOSITORY
from fedper.job import card

HOLD = """
import sys, time
sys.path.insert(0, "scripts")
from pathlib import Path
from fedper.job import card
card.PAUSE_S = 0.05
names, per_card, folder, seconds = sys.argv[1:]
with card.hold_one(names.split(","), int(per_card), Path(folder)) as number:
    print(number, time.monotonic(), flush=True)
    time.sleep(float(seconds))
    print(time.monotonic(), flush=True)
"""


def hold(folder, names="0,1", per_card=1, seconds=0.4):
    arguments = [sys.executable, "-c", HOLD, names, str(per_card), str(folder), str(seconds)]
    return subprocess.Popen(arguments, cwd=REPOSITORY, stdout=subprocess.PIPE, encoding="utf-8")


def spans_of(processes):
    """Give card, begin and end of each."""
    spans = []
    for process in processes:
        lines = process.communicate(timeout=60)[0].split("\n")
        words = [line for line in lines if line and not line.startswith("waits")]
        number, begin = words[0].split()
        spans.append((int(number), float(begin), float(words[1])))
    return spans


@pytest.mark.parametrize("per_card", [1, 2])
def test_never_more_runs_on_a_card_than_asked(tmp_path, per_card):
    spans = spans_of([hold(tmp_path, per_card=per_card) for _ in range(6)])
    assert {number for number, _, _ in spans} == {0, 1}
    for _, moment, _ in spans:
        for card_number in (0, 1):
            users = [s for s in spans if s[0] == card_number and s[1] <= moment < s[2]]
            assert len(users) <= per_card


def test_a_run_that_is_killed_blocks_no_card(tmp_path):
    first = hold(tmp_path, names="0", seconds=60)
    assert first.stdout.readline().startswith("0 ")
    second = hold(tmp_path, names="0", seconds=0)
    assert second.stdout.readline() == (
        f"waits for one of 1 cards; their locks are in {tmp_path}\n"
    )
    start = time.monotonic()
    first.kill()
    first.wait()
    ((number, _, _),) = spans_of([second])
    assert number == 0
    assert time.monotonic() - start < 10


def test_cards_of_two_schedulers_jobs_are_not_mistaken_for_each_other(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-8932f937")
    assert card.card_names(2) == ["2", "GPU-8932f937"]
    assert card.card_names(1) == ["2"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert card.card_names(2) == ["0", "1"]


def test_the_run_computes_on_the_card_that_it_holds(tmp_path, monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(card, "folder_of_locks", lambda: tmp_path)
    with card.own_card("cuda", 1), card.own_card("auto", 1):
        assert chosen == [0, 1]
    with card.own_card("cpu", 1):
        assert len(chosen) == 2

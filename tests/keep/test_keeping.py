"""Bringing runs in, pruning them, and what a stage heals and refuses, without running anything."""

import json
import os
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, run_main, write_run
from fedper.plan.experiments import all_runs
from fedper.plan.inputs import partitions_of_runs, prepared
from fedper.provenance import code_digest

TINY = yaml.safe_load((REPOSITORY / "tests/tiny.yaml").read_text())
RUNS = list(all_runs(TINY).values())
CODE = code_digest("mobilenet_v1")
DATA = prepared(TINY, "cifar10", 0)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder with one good run, as another machine would leave it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    folder = write_run(tmp_path / "elsewhere/any-name", RUNS[0], [(1, 2), (3, 4)])
    change(folder, code_sha256=CODE)
    return tmp_path / "elsewhere"


def change(folder, **values):
    about = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**about, **values}))


def bring(elsewhere):
    return run_main("bring.py", "tiny.yaml", elsewhere)


def test_a_right_run_is_brought_under_its_own_name_and_stays(elsewhere, tmp_path, capsys):
    assert bring(elsewhere)[0] == 0
    assert f"brought {RUNS[0].name}" in capsys.readouterr().out
    target = tmp_path / "results/tiny/runs" / RUNS[0].name
    assert {path.name for path in target.iterdir()} == {"history.csv", "timing.csv", "run.json"}
    (target / "history.csv").write_text("mine")
    assert bring(elsewhere)[0] == 0
    assert f"was here {RUNS[0].name}" in capsys.readouterr().out
    assert (target / "history.csv").read_text() == "mine"


@pytest.mark.parametrize("left", [(), ("history.csv",), ("history.csv", "timing.csv")])
def test_a_run_is_brought_where_a_killed_training_left_a_part_of_one(elsewhere, tmp_path, left):
    target = tmp_path / "results/tiny/runs" / RUNS[0].name
    target.mkdir(parents=True)
    for name in left:
        (target / name).write_text("a part")
    assert bring(elsewhere)[0] == 0
    for name in ("history.csv", "timing.csv", "run.json"):
        assert (target / name).read_bytes() == (elsewhere / "any-name" / name).read_bytes()
    assert [path.name for path in target.parent.iterdir()] == [target.name]


OTHER = replace(RUNS[0], rounds=3)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: change(run, code_sha256="0" * 64), "trained by code 00000000, this is"),
        (lambda run: change(run, run=asdict(OTHER), name=OTHER.name), "is not asked for"),
        (lambda run: change(run, run=asdict(OTHER)), "one of them was changed"),
        (lambda run: (run / "timing.csv").unlink(), "timing.csv: missing; bring the whole folder"),
        (lambda run: (run / "history.csv").write_text("round,client\n1,"), "not a finished run"),
        (lambda run: (run / "run.json").write_text("{"), "not readable as JSON"),
    ],
)
def test_a_wrong_run_is_refused_in_one_line_and_leaves_nothing(
    elsewhere, tmp_path, capsys, spoil, words
):
    spoil(elsewhere / "any-name")
    assert bring(elsewhere)[0] == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert not list(tmp_path.glob("results/tiny/runs/*"))


def test_an_empty_folder_is_refused(elsewhere, tmp_path):
    status, message = bring(tmp_path / "nowhere")
    assert (status, "no run in it" in message) == (1, True)


def test_prune_lists_and_then_removes_only_what_nobody_asks_for(elsewhere, tmp_path, capsys):
    results = tmp_path / "results/tiny"
    checkpoints = tmp_path / "checkpoints/tiny"
    asked = [
        results / "runs" / RUNS[0].name,
        results / "partitions" / f"{partitions_of_runs(TINY)[RUNS[0].name].name}.json",
        checkpoints / RUNS[0].name,
        results / "figures/figure2.pdf", results / "figures/partition-cifar10.png",
        results / "figures/verdicts.csv", Path("data/prepared/tiny") / f"{DATA.name}.json",
        Path("data/prepared/tiny") / f"{DATA.receipt}.source.json",
    ]  # fmt: skip
    other = [
        results / "runs/old-0123abcd", results / "partitions/cifar10-k4-seed0-0123abcd.json",
        checkpoints / "old-0123abcd", results / "figures/figure9.png",
        Path("data/prepared/tiny/cifar10-0123abcd.safetensors"),
    ]  # fmt: skip
    for path in (*asked, *other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else path.mkdir()
    assert run_main("prune.py", "tiny.yaml")[0] == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(
        f"not asked for {path.relative_to(tmp_path) if path.is_absolute() else path}"
        for path in other
    )
    assert all(path.exists() for path in other)
    assert run_main("prune.py", "tiny.yaml", "--remove")[0] == 0
    assert not any(path.exists() for path in other)
    assert all(path.exists() for path in asked)


@pytest.fixture
def calls(monkeypatch):
    """Commands that stage.py gives to the shell instead of running them."""
    seen = []
    run = subprocess.run

    def spy(command, **options):
        if "snakemake" not in command:
            return run(command, **options)
        seen.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", spy)
    return seen


def test_a_stage_trains_again_what_other_code_made_and_only_that(elsewhere, tmp_path, calls):
    runs = tmp_path / "results/tiny/runs"
    for run, code in ((RUNS[0], CODE), (RUNS[1], "0" * 64)):
        change(write_run(runs / run.name, run, [(1, 2), (3, 4)]), code_sha256=code)
    assert run_main("stage.py", "tiny.yaml", "runs")[0] == 0
    (command,) = calls
    forced = command[command.index("--forcerun") + 1 : command.index("--")]
    assert forced == [f"results/tiny/runs/{RUNS[1].name}/history.csv"]
    assert command[-1] == "runs"
    calls.clear()
    assert run_main("stage.py", "tiny.yaml", "partitions")[0] == 0
    assert "--forcerun" not in calls[0]


@pytest.mark.parametrize("known", [True, False])
def test_a_stage_draws_again_what_was_pulled_and_not_adopted(elsewhere, tmp_path, calls, known):
    """Snakemake does not know by which code."""
    if known:
        (tmp_path / ".snakemake/metadata").mkdir(parents=True)
        (tmp_path / ".snakemake/metadata/of_some_output").touch()
    assert run_main("stage.py", "tiny.yaml", "all")[0] == 0
    assert [command[-1] for command in calls] == (["all"] if known else ["all", "redraw"])
    assert ("figure_partition" in calls[0]) == (not known)


@pytest.mark.parametrize("committed", [True, False])
def test_an_experiment_in_a_folder_of_its_own_needs_the_code_committed(
    elsewhere, tmp_path, calls, monkeypatch, committed
):
    environment = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "t") | dict.fromkeys(
        ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "t@t"
    )
    for name, value in environment.items():
        monkeypatch.setitem(os.environ, name, value)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/train.py").write_text("1")
    for command in (["init", "-q"], ["add", "scripts"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *command], check=True)
    if not committed:
        (tmp_path / "scripts/train.py").write_text("2")
    experiment = tmp_path / ".dvc/tmp/exps/tmp0"
    experiment.mkdir(parents=True)
    (experiment / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    monkeypatch.chdir(experiment)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))
    status, message = run_main("stage.py", "tiny.yaml", "runs")
    if committed:
        assert (status, len(calls)) == (0, 1)
    else:
        assert status == 1
        assert message.startswith("error: scripts/train.py: changed and not committed")
        assert calls == []

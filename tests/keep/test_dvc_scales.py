"""Scales of real data: a dvc.yaml of their own, all that comes out in git, and no data in DVC."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, run_main
from dvc_world import adopt, mini, must, snakemake_plan, spoil, trained

REAL = ("cpu", "paper")
OTHER = "results/other/dvc.yaml"


def test_the_files_of_real_scales_differ_in_the_variable_alone():
    texts = [(REPOSITORY / f"results/{scale}/dvc.yaml").read_text() for scale in REAL]
    for scale, text in zip(REAL, texts, strict=True):
        assert text.count(f"scale: {scale}\n") == 1
    assert texts[1].replace("scale: paper\n", "scale: cpu\n") == texts[0]


def test_results_of_stand_ins_are_not_for_git_and_those_of_real_images_are():
    for path in (REPOSITORY / "config").glob("*.yaml"):
        config = yaml.safe_load(path.read_text())
        made = f"results/{config['scale']}/tables/table1.csv"
        command = ["git", "check-ignore", "--quiet", "--no-index", made]
        is_ignored = subprocess.run(command, cwd=REPOSITORY, check=False).returncode == 0
        assert is_ignored == any(data["stand_in"] for data in config["datasets"].values())


@pytest.mark.parametrize("scale", REAL)
def test_what_a_real_scale_makes_is_in_git_and_its_images_are_none_of_dvcs(scale):
    stages = yaml.safe_load((REPOSITORY / f"results/{scale}/dvc.yaml").read_text())["stages"]
    top = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    outputs = {}
    for stage in stages.values():
        for out in stage["outs"]:
            outputs |= out
    assert all(flags == {"persist": True, "cache": False} for flags in outputs.values())
    of_quick = {
        name
        for stage in top.values()
        for out in (*stage["outs"], *stage.get("metrics", []))
        for name in out
    }
    assert of_quick - outputs.keys() == {"data/prepared/${scale}", "results/${scale}/report.html"}
    assert not outputs.keys() - of_quick
    assert not [name for stage in stages.values() for name in stage["deps"] if "data" in name]


def test_there_is_a_plot_of_each_figure_over_rounds():
    plots = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["plots"]
    figures = yaml.safe_load((REPOSITORY / "config/quick.yaml").read_text())["figures"]
    drawn = [next(iter(plot)) for plot in plots]
    assert drawn == [name for name in figures if name.startswith("figure")]


@pytest.mark.parametrize(
    ("text", "words"),
    [("[", "not readable as YAML"), ("scale: x", "missing key 'seeds'"), ("", "object")],
)
@pytest.mark.parametrize("script", ["stage.py", "adopt.py", "prune.py"])
def test_a_file_that_is_no_configuration_is_one_clear_line(
    tmp_path, monkeypatch, script, text, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_text(text)
    status, message = run_main(script, "wrong.yaml", *["runs"] * (script == "stage.py"))
    assert status == 1
    assert message.startswith("error: wrong.yaml: ")
    assert words in message
    assert "\n" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


@pytest.mark.parametrize("variable", [None, "cpu"])
def test_a_scale_without_stages_of_its_own_is_one_clear_line(tmp_path, monkeypatch, variable):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text((REPOSITORY / "tests/tiny.yaml").read_text())
    shutil.copy(REPOSITORY / "dvc.yaml", tmp_path)
    if variable:
        (tmp_path / "results/tiny").mkdir(parents=True)
        shutil.copy(REPOSITORY / "results/cpu/dvc.yaml", tmp_path / "results/tiny")
    status, message = run_main("adopt.py", "tiny.yaml")
    assert status == 1
    assert message.startswith("error: results/tiny/dvc.yaml: no stages of this scale; copy ")


@pytest.mark.parametrize("scale", REAL)
def test_make_repro_takes_the_file_of_the_scale(bare, scale):
    folder = bare / f"results/{scale}"
    (folder / "runs").mkdir(parents=True)
    shutil.copy(REPOSITORY / f"results/{scale}/dvc.yaml", folder)
    # under `make test`, MAKEFLAGS says so, and make tells of every folder that it enters
    make = ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "-n"]
    make += ["-f", REPOSITORY / "Makefile", "ACTIVATE=true", "VENV=.no-venv"]
    (line,) = must(bare, *make, "-o", ".no-venv/.complete", "repro", f"SCALE={scale}").splitlines()
    command = line.removeprefix("true && ")
    output = must(bare, *command.split(), "--dry")
    calls = [line for line in output.splitlines() if line.startswith("> ")]
    assert calls == [
        f"> python scripts/stage.py config/{scale}.yaml {targets}"
        for targets in ("partitions runs", "all")
    ]


@pytest.fixture(scope="module")
def other(made, tmp_path_factory) -> Path:
    """A clone with another scale as a real one is: not run yet, other data than the mini scale."""
    folder = tmp_path_factory.mktemp("other")
    must(folder, "git", "clone", "-q", made, "clone")
    clone = folder / "clone"
    must(clone, "dvc", "pull")
    config = mini()
    config["scale"] = "other"
    config["datasets"]["cifar10"]["stand_in"]["seed"] = 1
    (clone / "config/other.yaml").write_text(yaml.safe_dump(config))
    (clone / OTHER).parent.mkdir()
    text = (REPOSITORY / "results/cpu/dvc.yaml").read_text()
    (clone / OTHER).write_text(text.replace("scale: cpu", "scale: other"))
    must(clone, "git", "add", "-A")
    must(clone, "git", "commit", "-qm", "another scale")
    return clone


def adopt_other(folder: Path):
    return adopt(folder, "other")


@pytest.fixture(scope="module")
def run_by_dvc(other, tmp_path_factory) -> tuple[Path, str]:
    """Another clone, in which that scale has been made with a storage of its own; what was said."""
    folder = tmp_path_factory.mktemp("run")
    must(folder, "git", "clone", "-q", other, "clone")
    clone = folder / "clone"
    must(clone, "dvc", "remote", "modify", "--local", "local", "url",
         must(other, "dvc", "remote", "list").split()[1])  # fmt: skip
    must(clone, "dvc", "pull", "dvc.yaml")
    must(clone, "dvc", "remote", "modify", "--local", "local", "url", folder / "storage")
    said = must(clone, "dvc", "repro", OTHER)
    must(clone, "git", "add", "-A")
    must(clone, "git", "commit", "-qm", "made")
    return clone, said


@pytest.mark.slow
def test_before_it_has_run_a_scale_hinders_nothing(other, tmp_path):
    must(tmp_path, "git", "clone", "-q", other, "fresh")
    fresh = tmp_path / "fresh"
    must(fresh, "dvc", "remote", "modify", "--local", "local", "url",
         must(other, "dvc", "remote", "list").split()[1])  # fmt: skip
    must(fresh, "dvc", "pull")
    assert json.loads(must(fresh, "dvc", "status", "--json", "dvc.yaml")) == {}
    assert "other" not in must(fresh, "dvc", "repro", "--dry")
    assert adopt(fresh).returncode == 0
    assert json.loads(must(fresh, "dvc", "status", "--json", OTHER)).keys() == {
        f"{OTHER}:train", f"{OTHER}:report",
    }  # fmt: skip
    assert "was not made by it yet; `dvc repro results/other/dvc.yaml`" in adopt_other(fresh).stderr


@pytest.mark.slow
def test_results_in_git_are_checked_without_data_which_are_never_pushed(run_by_dvc, tmp_path):
    made, said = run_by_dvc
    assert trained(said) == 2
    must(made, "dvc", "push")
    must(made, "dvc", "push", "--run-cache")
    stored = [path.read_bytes() for path in made.parent.glob("storage/files/md5/*/*")]
    usual, prepared = (
        [path.read_bytes() for path in made.glob(f"data/prepared/{scale}/*")]
        for scale in ("mini", "other")
    )
    own = [data for data in prepared if data not in usual]
    assert len(own) == 2  # images, and what they are
    assert all(data in stored for data in usual)
    assert not any(data in stored for data in own)

    must(tmp_path, "git", "clone", "-q", made, "fresh")
    fresh = tmp_path / "fresh"
    assert json.loads(must(fresh, "dvc", "status", "--json", OTHER)) == {}
    assert trained(must(fresh, "dvc", "repro", OTHER)) == 0
    assert not (fresh / "data").exists()
    history = next(fresh.glob("results/other/runs/*/history.csv"))
    before = history.read_bytes()
    spoil(history)
    assert json.loads(must(fresh, "dvc", "status", "--json", OTHER)) == {}
    line = adopt_other(fresh).stderr.strip()
    assert line.startswith("error: results/other/runs: not what results/other/dvc.lock says")
    (fresh / "results/other/runs").rename(tmp_path / "aside")
    must(fresh, *line.split("`")[1].split())
    assert history.read_bytes() == before


@pytest.mark.slow
def test_with_its_data_prepared_a_scale_from_git_is_adopted_as_made_here(run_by_dvc, tmp_path):
    must(tmp_path, "git", "clone", "-q", run_by_dvc[0], "fresh")
    fresh = tmp_path / "fresh"
    must(fresh, sys.executable, "scripts/stage.py", "config/other.yaml", "prepared")
    assert adopt_other(fresh).returncode == 0
    assert snakemake_plan(fresh, "other") == {"report_html": 1}
    assert json.loads(must(fresh, "dvc", "status", "--json", OTHER)) == {}

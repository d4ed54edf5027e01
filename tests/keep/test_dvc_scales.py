"""Scales of real data: a dvc.yaml of their own, all that comes out in git, and no data in DVC."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, run_main
from dvc_world import BIN, adopt, make_here, mini, must, snakemake_plan, trained

OTHER = "results/other/dvc.yaml"


def test_results_of_stand_ins_are_not_for_git_and_those_of_real_images_are():
    for path in (REPOSITORY / "config").glob("*.yaml"):
        config = yaml.safe_load(path.read_text())
        made = f"results/{config['scale']}/tables/table1.csv"
        command = ["git", "check-ignore", "--quiet", "--no-index", made]
        is_ignored = subprocess.run(command, cwd=REPOSITORY, check=False).returncode == 0
        assert is_ignored == any(data["stand_in"] for data in config["datasets"].values())


def test_what_a_real_scale_makes_is_in_git_and_its_images_are_none_of_dvcs():
    stages = yaml.safe_load((REPOSITORY / "results/cpu/dvc.yaml").read_text())["stages"]
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
    pages = {"results/${scale}/report.html", "results/${scale}/explore.html"}
    assert of_quick - outputs.keys() == {"data/prepared/${scale}", *pages}
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
@pytest.mark.parametrize("script", ["stage.py", "prune.py"])
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


@pytest.mark.parametrize("scale", ["cpu", "paper"])
def test_make_repro_takes_the_file_of_the_scale_and_makes_it_where_there_is_none(bare, scale):
    for name in ("results/cpu", f"results/{scale}/runs"):
        (bare / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "results/cpu/dvc.yaml", bare / "results/cpu")
    (bare / "dvc").write_text(f'#!/bin/sh\nexec {BIN}/dvc "$@" --dry\n')
    (bare / "dvc").chmod(0o755)
    done = make_here(bare, "repro", f"ACTIVATE=export PATH={bare}:$$PATH", scale=scale)
    calls = [line for line in done.stdout.splitlines() if line.startswith("> ")]
    assert calls == [
        f"> python scripts/stage.py config/{scale}.yaml {targets}"
        for targets in ("partitions runs", "all")
    ], done.stderr


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
    assert (
        "error: dvc status results/other/dvc.yaml: something changed" in adopt_other(fresh).stderr
    )


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


@pytest.mark.slow
def test_with_its_data_prepared_a_scale_from_git_is_adopted_as_made_here(run_by_dvc, tmp_path):
    must(tmp_path, "git", "clone", "-q", run_by_dvc[0], "fresh")
    fresh = tmp_path / "fresh"
    must(fresh, sys.executable, "scripts/stage.py", "config/other.yaml", "prepared")
    assert adopt_other(fresh).returncode == 0
    assert snakemake_plan(fresh, "other") == {"page": 1, "report_html": 1}
    assert json.loads(must(fresh, "dvc", "status", "--json", OTHER)) == {}

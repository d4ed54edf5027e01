"""DVC's stages of other scales: made from those at the top, and what of them is never pushed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, run_main
from dvc_world import adopt, mini, must
from fedper.keep.stages import stages_of_scale

TOP = (REPOSITORY / "dvc.yaml").read_text()
CONFIGS = {
    scale: yaml.safe_load((REPOSITORY / f"config/{scale}.yaml").read_text())
    for scale in ("quick", "cpu", "paper")
}


@pytest.mark.parametrize("scale", ["cpu", "paper"])
def test_the_stages_are_those_at_the_top_but_for_the_scale_and_what_is_kept(scale):
    text = yaml.safe_dump(stages_of_scale(TOP, CONFIGS[scale])).replace(f"/{scale}", "/quick")
    made, top = yaml.safe_load(text), yaml.safe_load(TOP)
    assert made["stages"]["fetch"]["outs"] == [
        {"data/prepared/quick": {"persist": True, "push": False}}
    ]
    for stage, kept in (("partition", "partitions"), ("train", "runs")):
        kept = f"results/quick/{kept}"
        assert made["stages"][stage]["outs"] == [{kept: {"persist": True, "cache": False}}]
        made["stages"][stage]["outs"][0][kept]["cache"] = True
    del made["stages"]["fetch"]["outs"][0]["data/prepared/quick"]["push"]
    assert {stage.pop("wdir") for stage in made["stages"].values()} == {"../../.."}
    assert made["stages"] == top["stages"]


@pytest.mark.parametrize("scale", CONFIGS)
def test_there_is_a_plot_of_each_figure_over_rounds(scale):
    plots = (stages_of_scale(TOP, CONFIGS[scale]) if scale != "quick" else yaml.safe_load(TOP))[
        "plots"
    ]
    drawn = [next(iter(plot)) for plot in plots]
    assert drawn == [name for name in CONFIGS[scale]["figures"] if name.startswith("figure")]


def test_no_scale_but_the_one_at_the_top_is_in_git():
    """Its stages have not run, and its data are pushed nowhere: `dvc pull` would fail for them."""
    listed = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert [name for name in listed.stdout.split() if name.endswith("dvc.yaml")] == ["dvc.yaml"]


def test_the_file_is_written_once_and_what_somebody_changed_in_it_stays(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(TOP)
    written = tmp_path / "config/dvc/cpu/dvc.yaml"
    for _ in range(2):
        assert run_main("write_stages.py", REPOSITORY / "config/cpu.yaml") == (0, "")
        assert capsys.readouterr().out == "config/dvc/cpu/dvc.yaml\n"
    written.write_text("stages: {}\n")
    status, message = run_main("write_stages.py", REPOSITORY / "config/cpu.yaml")
    assert (status, "config/dvc/cpu/dvc.yaml: not what dvc.yaml gives" in message) == (1, True)
    assert written.read_text() == "stages: {}\n"
    assert run_main("write_stages.py", REPOSITORY / "config/quick.yaml") == (0, "")
    assert capsys.readouterr().out == "dvc.yaml\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [("[", "not readable as YAML"), ("scale: x", "missing key 'seeds'"), ("", "object")],
)
@pytest.mark.parametrize("script", ["stage.py", "write_stages.py", "adopt.py", "prune.py"])
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


def objects_of_data(folder: Path, lock: str) -> set[str]:
    """The hashes that a lock file gives prepared data, of their list and of each file."""
    (out,) = yaml.safe_load((folder / lock).read_text())["stages"]["fetch"]["outs"]
    assert out["path"].startswith("data/prepared/")
    (listed,) = folder.glob(f".dvc/cache/files/md5/*/{out['md5'][2:]}")
    return {out["md5"], *(entry["md5"] for entry in json.loads(listed.read_text()))}


def test_prepared_data_of_another_scale_are_kept_but_never_pushed(clone, tmp_path):
    config = mini()
    config["scale"] = "other"
    config["datasets"]["cifar10"]["stand_in"]["seed"] = 1
    (clone / "config/other.yaml").write_text(yaml.safe_dump(config))
    must(clone, sys.executable, "scripts/write_stages.py", "config/other.yaml")
    must(clone, "dvc", "repro", "config/dvc/other/dvc.yaml:partition")
    assert list(clone.glob("results/other/partitions/*.json"))
    must(clone, "dvc", "remote", "modify", "local", "url", tmp_path / "storage")
    must(clone, "dvc", "push")
    must(clone, "dvc", "push", "--run-cache")
    pushed = {path.parent.name + path.name for path in tmp_path.glob("storage/files/md5/*/*")}
    usual = objects_of_data(clone, "dvc.lock")
    own = objects_of_data(clone, "config/dvc/other/dvc.lock") - usual
    assert usual <= pushed
    assert len(own) >= 3
    assert not own & pushed
    assert json.loads(must(clone, "dvc", "status", "--json", "dvc.yaml")) == {}
    assert "other" not in must(clone, "dvc", "repro", "--dry")
    assert adopt(clone).returncode == 0


@pytest.mark.parametrize("scale", ["cpu", "paper"])
def test_dvc_takes_the_file_and_would_run_its_four_stages(bare, scale):
    must(bare, sys.executable, "scripts/write_stages.py", f"config/{scale}.yaml")
    for folder in (
        f"data/prepared/{scale}",
        f"results/{scale}/partitions",
        f"results/{scale}/runs",
    ):
        (bare / folder).mkdir(parents=True)
    output = must(bare, "dvc", "repro", "--dry", f"config/dvc/{scale}/dvc.yaml")
    calls = [line for line in output.splitlines() if line.startswith("> ")]
    assert calls == [
        f"> python scripts/stage.py config/{scale}.yaml {target}"
        for target in ("prepared", "partitions", "runs", "all")
    ]

"""DVC and Snakemake beside each other, on the smallest configuration, as a user runs them."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import REPOSITORY
from dvc_world import BESIDE, adopt, call, mini, must, must_agree, trained, write_config


def test_after_repro_neither_tool_has_anything_to_do(made):
    must_agree(made)


def test_a_touch_a_comment_and_a_branch_train_nothing(made):
    module = made / "scripts/fedper/algorithm/federated.py"
    before = module.read_text()
    module.write_text(before + "\n# a comment\n")
    assert trained(must(made, "dvc", "repro", "train")) == 0
    module.write_text(before)
    must(made, "git", "stash", "--quiet")
    must(made, "git", "switch", "-q", "-c", "other")
    must(made, "git", "switch", "-q", "-")
    (made / "scripts/train.py").touch()
    assert trained(must(made, "dvc", "repro", "train")) == 0
    assert json.loads(must(made, "dvc", "status", "--json")) == {}


def test_what_was_pulled_and_adopted_is_as_if_made_here(made, clone):
    for name in ("figures/figure2.png", "report.pdf", "report.html"):
        assert (clone / "results/mini" / name).read_bytes() == (
            made / "results/mini" / name
        ).read_bytes()
    assert adopt(clone).returncode == 0
    must_agree(clone)


def test_nothing_is_adopted_after_a_change_of_the_configuration(clone):
    config = mini()
    config["seeds"] = [0, 1]
    write_config(clone, config)
    done = adopt(clone)
    assert done.returncode != 0
    assert "error: dvc status dvc.yaml: something changed or is not there; adopt" in done.stderr
    assert not list(clone.glob(".snakemake/metadata/*"))


@pytest.mark.slow
def test_other_parameters_are_trained_in_a_fresh_clone(clone):
    config = mini()
    config["datasets"]["cifar10"]["rounds"] = 1
    write_config(clone, config)
    output = must(clone, "dvc", "repro", "train")
    assert trained(output) == 2
    assert len(list(clone.glob("results/mini/runs/*/history.csv"))) == 4  # the old ones stay
    listed = must(clone, sys.executable, "scripts/prune.py", "config/mini.yaml", "--remove")
    assert listed.count("removed") == 2
    assert len(list(clone.glob("results/mini/runs/*/history.csv"))) == 2


@pytest.mark.slow
def test_other_code_trains_again_what_was_pulled_and_is_asked_for(clone):
    """One run is not asked for any more: it stays as it is."""
    config = mini()
    config["figures"]["figure2"]["runs"][0]["methods"] = ["FedPer"]
    write_config(clone, config)
    module = clone / "scripts/fedper/algorithm/federated.py"
    module.write_text(module.read_text() + "\nCHANGED = True\n")
    before = {
        path: json.loads(path.read_text()) for path in clone.glob("results/mini/runs/*/run.json")
    }
    assert trained(must(clone, "dvc", "repro", "train")) == 1
    for path, about in before.items():
        is_other = json.loads(path.read_text())["code_sha256"] != about["code_sha256"]
        assert is_other == ("-kp2-" in path.parent.name)


@pytest.mark.slow
def test_another_seed_trains_only_that_seed(clone):
    config = mini()
    config["seeds"] = [0, 1]
    write_config(clone, config)
    must(clone, "snakemake", "--cores", 1, "--configfile", "config/mini.yaml", "--touch",
         "--forceall", "--quiet", "all")  # fmt: skip
    assert trained(must(clone, "dvc", "repro", "train")) == 2


@pytest.mark.slow
def test_after_snakemake_dvc_trains_nothing(bare):
    command = ["snakemake", "--cores", 2, "--configfile", "config/mini.yaml", "--", "runs"]
    assert trained(must(bare, *command)) == 2
    assert trained(must(bare, "dvc", "repro", "train")) == 0
    assert json.loads(must(bare, "dvc", "status", "--json", "train")) == {}


WITH_DVC = (REPOSITORY / "docs/dvc.md").read_text()
COMMANDS, STORAGES = (
    [line.split("#")[0].strip() for line in block.strip().splitlines()]
    for block in WITH_DVC.split("```")[1::2]
)
OTHER_ROUNDS = ("-S", "config/mini.yaml:datasets.cifar10.rounds=1")


@pytest.mark.slow
def test_the_five_commands_of_the_docs_run_in_a_fresh_clone_and_show_what_changed(bare, tmp_path):
    must(bare, "dvc", "remote", "modify", "local", "url", tmp_path / "storage")
    words = f"SCALE=mini STAGES=dvc.yaml {' '.join(BESIDE)}"
    made_here = f'make() {{ command make -f {REPOSITORY}/Makefile "$@" {words}; }}'
    repro, experiment, diff, push, pull = (
        must(bare, "bash", "-ec", f"{made_here}; {command}".replace("/quick", "/mini"))
        for command in COMMANDS
    )
    assert (trained(repro), trained(experiment)) == (2, 2)
    assert "FedPer, k = 4" in diff
    assert "pushed" in push
    assert "up to date" in pull
    must_agree(bare)

    (diff,) = json.loads(must(bare, "dvc", "params", "diff", "--json")).values()
    assert diff == {"datasets.cifar10.rounds": {"old": 2, "new": 4, "diff": 2}}
    show = json.loads(must(bare, "dvc", "metrics", "show", "--json"))
    written = json.loads((bare / "results/mini/metrics.json").read_text())
    assert show[""]["data"]["results/mini/metrics.json"]["data"] == written
    points = plot(bare, "diff")
    last_rounds = {
        rev: max(int(point["round"]) for point in points if point["rev"] == rev)
        for rev in ("HEAD", "workspace")
    }
    assert last_rounds == {"HEAD": 2, "workspace": 4}
    assert {point["rev"] for point in plot(bare, "show")} == {"workspace"}


def plot(folder: Path, command: str) -> list[dict]:
    """The points that DVC draws of Figure 2."""
    text = must(folder, "dvc", "plots", command, "--json")
    (drawn,) = json.loads(text)["data"]["figure2"]
    return drawn["content"]["data"]["values"]


@pytest.mark.parametrize("command", STORAGES)
def test_dvc_takes_each_storage_of_the_docs(bare, command):
    must(bare, *command.split())
    assert command.split()[-1] in must(bare, "dvc", "remote", "list")


@pytest.mark.slow
def test_an_experiment_in_a_folder_of_its_own_trains_what_changed_and_needs_committed_code(clone):
    experiment = ["dvc", "exp", "run", "--temp", "--name", "one-round", *OTHER_ROUNDS, "train"]
    before = sorted(clone.glob("results/mini/runs/*"))
    module = clone / "scripts/fedper/algorithm/federated.py"
    module.write_text(module.read_text() + "\nCHANGED = True\n")
    done = call(clone, *experiment)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(
        "error: scripts/fedper/algorithm/federated.py: changed and not committed"
    )
    must(clone, "git", "checkout", module)
    must(clone, *experiment)
    assert sorted(clone.glob("results/mini/runs/*")) == before
    must(clone, "dvc", "exp", "apply", "one-round")
    made = set(clone.glob("results/mini/runs/*")) - set(before)
    assert len(made) == 2
    for run in made:
        assert json.loads((run / "run.json").read_text())["run"]["rounds"] == 1
        assert set(pd.read_csv(run / "history.csv")["round"]) == {1}


def test_a_storage_that_is_not_there_is_one_error_and_heals(bare, tmp_path):
    must(bare, "dvc", "remote", "modify", "--local", "local", "url", tmp_path / "nowhere")
    done = call(bare, "dvc", "pull")
    assert done.returncode != 0
    assert "ERROR: failed to pull data from the cloud" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (bare / ".dvc/config.local").unlink()
    must(bare, "dvc", "pull")
    assert json.loads(must(bare, "dvc", "status", "--json")) == {}

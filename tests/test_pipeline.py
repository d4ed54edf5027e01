"""The whole DAG on a tiny configuration, as a user runs it."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import REPOSITORY
from PIL import Image

AFTER_RUNS = {
    "table": 5, "table_of_settings": 1, "claims": 1, "figure_verdicts": 1, "facts": 1,
    "report_pdf": 1, "page": 1, "replication": 1, "report_html": 1,
}  # fmt: skip
"""What is made again when another run is asked for, besides figures."""

REDRAW = ["--config", "redraw=yes", "--forceall", "--"]
"""As `make redraw` calls Snakemake, without its target."""

BIN = Path(sys.executable).parent

TINY = yaml.safe_load((REPOSITORY / "tests/tiny.yaml").read_text())


def copy_repository(folder: Path) -> Path:
    """Copy what the pipeline needs into ``folder``, so that a test may edit it."""
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(REPOSITORY / name, folder)
    for name in ("workflow", "scripts", "config", "paper"):
        shutil.copytree(REPOSITORY / name, folder / name)
    return folder


def snakemake(
    folder: Path, *arguments: str, config: dict | None = None, before: Sequence[str] = ()
):
    """Run Snakemake in a copy of the repository with the tiny configuration, or ``config``.

    before: a command that runs it.
    """
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config or TINY))
    return call(
        folder, *before, BIN / "snakemake", "--configfile", "tiny.yaml", "--cores", 2, *arguments
    )


def call(folder: Path, *command: object) -> subprocess.CompletedProcess:
    """Call a command as somebody may whose environment is none of ours.

    Without the virtual environment in PATH; as a notebook sets matplotlib's backend, and with a
    matplotlibrc; a blank in the folder of temporary files; certificates that are gone; no locale.
    """
    theirs = folder.parent / f"{folder.name} with a blank"
    theirs.mkdir(exist_ok=True)
    (theirs / "matplotlibrc").write_text("text.usetex: True\nsavefig.bbox: tight\nfont.size: 20\n")
    paths = [path for path in os.environ["PATH"].split(os.pathsep) if Path(path) != BIN]
    return subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, encoding="utf-8", check=False,
        env={
            **os.environ, "PATH": os.pathsep.join(paths), "TMPDIR": str(theirs),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": str(theirs),
            "LC_ALL": "C",
            "REQUESTS_CA_BUNDLE": str(theirs / "gone"),
        },
    )  # fmt: skip


SMALL = ("total", "default", "all", "data", "asked")
"""What a dry run lists besides rules that make something, and the lists of runs."""


def planned(result) -> dict[str, int]:
    """Count the jobs of each rule that a dry run lists."""
    assert result.returncode == 0, result.stderr
    counts = re.findall(r"^(\w+) +(\d+)$", result.stdout + result.stderr, flags=re.MULTILINE)
    return {rule: int(n) for rule, n in counts if rule not in SMALL}


ALONE = ("unshare", "--net", "--map-root-user")
"""In a network namespace of its own, without even a loopback."""


@cache
def may_be_alone() -> bool:
    """Tell whether this machine lets a test have a network of its own."""
    return not subprocess.run([*ALONE, "true"], check=False).returncode


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder in which the tiny pipeline has run."""
    folder = copy_repository(tmp_path_factory.mktemp("pipeline"))
    result = snakemake(folder, before=ALONE if may_be_alone() else ())
    assert result.returncode == 0, result.stdout + result.stderr
    assert "\nRead results/tiny/report.pdf first" in result.stdout
    return folder


@pytest.fixture
def own(finished, tmp_path) -> Path:
    """A copy of it, in which a test may make something else."""
    return shutil.copytree(finished, tmp_path / "own", symlinks=True)


def changed(**changes) -> dict:
    """Copy the tiny configuration with some top-level sections updated."""
    config = yaml.safe_load(yaml.safe_dump(TINY))
    for section, values in changes.items():
        config[section] = {**config[section], **values} if isinstance(values, dict) else values
    return config


def changed_grid(**changes) -> dict:
    """Copy the tiny configuration with the runs of Figure 2 changed."""
    config = changed()
    config["figures"]["figure2"]["runs"][0].update(changes)
    return config


def test_everything_is_made(finished):
    results = finished / "results/tiny"
    for name in ("figure2", "figure4", "further_methods", "multiverse", "verdicts"):
        for suffix in ("pdf", "png", "csv"):
            assert (results / f"figures/{name}.{suffix}").stat().st_size > 0
    for number, suffix in product("12345", ("csv", "md", "tex", "html", "json")):
        text = (results / f"tables/table{number}.{suffix}").read_text()
        assert suffix == "csv" or "stand-in for CIFAR-10" in text
    assert "stand-in data" in (results / "claims.md").read_text()
    assert (results / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "stand-in for CIFAR-10" in (results / "explore.html").read_text()
    page = (results / "report.html").read_text()
    assert all(f"{name}" in page for name in ("figure2.png", "table4.html", "claims.html"))
    record = json.loads((results / "ro-crate-metadata.json").read_text())
    named = {entity["@id"] for entity in record["@graph"]}
    assert {"figures/figure2.pdf", "tables/table4.tex", "report.pdf", "#C9-verdict"} <= named
    for dataset in ("cifar10", "cifar100", "flickr_aes"):
        assert (results / f"figures/partition-{dataset}.png").stat().st_size > 0
    assert len(list(results.glob("runs/*/history.csv"))) == 5 + 6
    readings = list(csv.DictReader((results / "figures/multiverse.csv").open()))
    assert {row["reading"] for row in readings if row["mean"]} == {
        "the authors' code", "our reading until now",
        "test: end reestimated", "test: end own", "test: before averaged",
        "test: end averaged (all tuned)",
    }  # fmt: skip
    methods = {row["method"] for row in csv.DictReader((results / "tables/table1.csv").open())}
    assert methods == {"FedAvg", "FedPer", "FedRep", "LG-FedAvg"}


def test_the_second_run_does_nothing(finished):
    result = snakemake(finished)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_touch_or_a_comment_reruns_no_training(finished):
    (finished / "scripts/train.py").touch()
    with (finished / "scripts/fedper/algorithm/federated.py").open("a") as file:
        file.write('\n# a comment\n"""and a string that stands alone"""\n')
    assert "train" not in planned(snakemake(finished, "--dry-run"))


def test_triggers_of_a_users_profile_that_would_train_nothing_are_one_error(finished):
    result = snakemake(finished, "--dry-run", "--rerun-triggers", "mtime")
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if "error" in line]
    assert line.startswith("error: rerun-triggers without input and params: ")


def test_a_batch_has_all_files_of_a_run(finished):
    """How users of a cluster split work: no run is in two batches."""
    runs, aside = finished / "results/tiny/runs", finished / "aside"
    runs.rename(aside)
    try:
        batches = [
            snakemake(finished, "--dry-run", "--batch", f"runs={number}/3", "--", "runs")
            for number in (1, 2)  # the last is refused until the others are done
        ]
    finally:
        aside.rename(runs)
    of_each = [
        re.findall(r"^ +wildcards: run=(\S+)$", batch.stdout + batch.stderr, re.MULTILINE)
        for batch in batches
    ]
    assert all(of_each), batches[0].stderr
    names = [name for of_one in of_each for name in of_one]
    assert len(set(names)) == len(names) < len(list(runs.iterdir()))


LONGEST_ARGUMENT = 128 * 1024
"""Bytes, on Linux: a rule's command is one argument of a shell."""


@pytest.mark.slow
def test_no_command_grows_beyond_what_a_shell_takes(tmp_path):
    """With many seeds of the paper's scale, of which nothing is trained."""
    config = yaml.safe_load((REPOSITORY / "config/paper.yaml").read_text())
    config |= {"scale": "tiny", "seeds": list(range(13))}
    folder = copy_repository(tmp_path)
    result = snakemake(
        folder, "--dry-run", "--printshellcmds", "--forceall", "--config", "redraw=yes", "--",
        "redraw", config=config,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = (result.stdout + result.stderr).splitlines()
    commands = [line for line in lines if "python" in line and "--out" in line]
    assert len(commands) > 20
    assert max(map(len, commands)) < LONGEST_ARGUMENT / 4


@pytest.mark.parametrize("name", ["scripts/train.py", "results/tiny/runs/*avg*/history.csv"])
def test_a_file_of_tomorrow_is_one_error_and_stays_as_it_is(finished, name):
    """As after a copy from a machine whose clock goes otherwise."""
    path = next(finished.glob(name))
    before, tomorrow = path.stat(), time.time() + 86400
    os.utime(path, (tomorrow, tomorrow))
    result = snakemake(finished)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"error: {path.relative_to(finished)}: dated in the future")
    assert path.stat().st_mtime == pytest.approx(tomorrow)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert planned(snakemake(finished, "--dry-run")) == {}


def test_another_encoding_than_utf8_is_one_error(finished):
    result = call(
        finished, "env", "PYTHONCOERCECLOCALE=0", "PYTHONUTF8=0",
        BIN / "snakemake", "--configfile", "tiny.yaml", "--dry-run",
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: the locale's encoding is ")
    assert result.stderr.strip().endswith("export PYTHONUTF8=1")


@pytest.mark.slow
def test_a_training_that_fails_leaves_the_earlier_one(own):
    """The earlier one is of other code, so the next call trains it again."""
    history = next(own.glob("results/tiny/runs/*-fedavg-*/history.csv"))
    target, before = str(history.relative_to(own)), history.read_bytes()
    module = own / "scripts/fedper/algorithm/federated.py"
    words = module.read_text()
    module.write_text(words + "raise SystemExit('no luck')\n")
    assert snakemake(own, "--", target).returncode == 1
    assert history.read_bytes() == before
    module.write_text(words + "CHANGED = True\n")
    assert planned(snakemake(own, "--dry-run", "--", target)) == {"train": 1}
    assert snakemake(own, "--", target).returncode == 0


def test_blanks_in_paths_and_letters_that_the_locale_has_not(tmp_path):
    """As a locale of GBK or ISO-8859-1; only a table, for a moment's sake."""
    folder = tmp_path / "a repository"
    folder.mkdir()
    copy_repository(folder)
    title = "Größe π, stand-in"
    config = changed()
    config["datasets"]["cifar10"]["title"] = title
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "to work in").mkdir()
    table = "results/tiny/tables/table3.md"
    result = call(
        tmp_path, BIN / "snakemake", "--snakefile", folder / "Snakefile", "--cores", 1,
        "--directory", tmp_path / "to work in", "--configfile", folder / "tiny.yaml", "--", table,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert title in (tmp_path / "to work in" / table).read_text(encoding="utf-8")


def test_a_scale_is_chosen_beside_targets(finished):
    shutil.copy(finished / "tiny.yaml", finished / "config/tiny.yaml")
    command = (BIN / "snakemake", "data", "--dry-run", "--cores", 1, "--config", "scale=tiny")
    assert planned(call(finished, *command)) == {}
    assert planned(call(finished, *command, "seeds=[0,1]")) == {"prepare": 1, "partition": 2}
    result = call(finished, *command, "seeds=[x]")
    assert (
        "error: config/tiny.yaml with --config scale, seeds: seeds.0: 'x' is not" in result.stderr
    )
    result = call(
        finished, BIN / "snakemake", "-n", "--configfile", "tiny.yaml", "config/quick.yaml"
    )
    assert result.returncode == 1
    assert "error: --configfile tiny.yaml, config/quick.yaml: each is whole" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_page_that_cannot_be_made_leaves_the_old_one(finished):
    page, caption = finished / "results/tiny/report.html", finished / "workflow/report/pdf.rst"
    before, words = page.read_bytes(), caption.read_text()
    caption.write_text("{{ no_such_thing.at_all }}")
    try:
        result = snakemake(finished, "--forcerun", "report_html", "--", "results/tiny/report.html")
    finally:
        caption.write_text(words)
    assert result.returncode != 0
    assert page.read_bytes() == before
    assert list((finished / "logs/tiny").glob("report-*")) == []
    assert snakemake(finished, "--", "results/tiny/report.html").returncode == 0


def test_a_change_of_the_training_code_trains_everything_again(finished):
    module = finished / "scripts/fedper/algorithm/federated.py"
    before = module.read_text()
    try:
        module.write_text(before + "changed = True\n")
        assert planned(snakemake(finished, "--dry-run"))["train"] == 5 + 6
    finally:
        module.write_text(before)


def test_other_limits_of_a_run_train_nothing(finished):
    config = changed(compute={"checkpoint_seconds": 7, "minutes": 0.5, "elsewhere": True})
    plan = planned(snakemake(finished, "--dry-run", config=config))
    assert "train" not in plan


def test_the_limits_of_a_run_reach_its_command(finished):
    config = changed(compute={"checkpoint_seconds": 7, "minutes": 0.5, "elsewhere": True})
    config["datasets"]["cifar10"]["learning_rate"] = 0.03
    result = snakemake(finished, "--dry-run", "--printshellcmds", config=config)
    words = "--device cpu --checkpoint-seconds 7 --minutes 0.5 --elsewhere --checkpoints"
    assert words in result.stdout + result.stderr


@pytest.mark.slow
def test_a_run_that_is_cut_goes_on_by_retries(own):
    config = changed(compute={"minutes": 0.0001})
    config["datasets"]["cifar10"]["learning_rate"] = 0.004
    before = {path.name for path in own.glob("logs/tiny/train/*.log")}
    target = "results/tiny/figures/figure2.png"
    result = snakemake(own, "--retries", "2", "--", target, config=config)
    assert result.returncode == 0, result.stderr
    assert (result.stdout + result.stderr).count("Trying to restart job") == 2
    logs = [path for path in own.glob("logs/tiny/train/*.log") if path.name not in before]
    assert len(logs) == 2
    for log in logs:
        assert "round 2/2" in log.read_text()
        assert "round 1/2" not in log.read_text()


def test_another_seed_trains_only_that_seed(finished):
    """The draw of workers has a seed too, so their data are prepared once more, fetched not.

    Of Figure 2's runs the multiverse has this seed already.
    """
    plan = planned(snakemake(finished, "--dry-run", config=changed(seeds=[0, 1])))
    data = {"prepare": 1, "partition": 2}
    assert plan == {**data, "train": 5 - 2, "figure": 5, "figure_multiverse": 1, **AFTER_RUNS}


def test_another_seed_of_one_entry_trains_only_that_entry(finished):
    config = changed()
    config["figures"]["figure2"]["runs"][0]["seeds"] = [0, 2]
    plan = planned(snakemake(finished, "--dry-run", config=config))
    assert plan == {"partition": 1, "train": 2, "figure": 1, **AFTER_RUNS}


def test_a_setting_of_one_figure_trains_only_the_runs_that_it_touches(finished):
    """Figure 4's three runs, two of which Figure 2 shares under the usual setting."""
    config = changed()
    config["figures"]["figure4"]["set"] = {"local_epochs": 2}
    result = snakemake(finished, "--dry-run", config=config)
    assert planned(result) == {"train": 3, "figure": 1, **AFTER_RUNS}
    trained = set(re.findall(r"output: results/tiny/runs/([^/]+)/history.csv", result.stdout))
    assert len(trained) == 3
    assert not trained & {folder.name for folder in finished.glob("results/tiny/runs/*")}


def test_another_learning_rate_trains_everything_in_new_folders_and_prepares_nothing(finished):
    config = changed()
    config["datasets"]["cifar10"]["learning_rate"] = 0.03
    plan = planned(snakemake(finished, "--dry-run", config=config))
    assert plan == {"train": 5 + 6, "figure": 5, "figure_multiverse": 1, **AFTER_RUNS}


@pytest.mark.slow
def test_once_data_are_prepared_again_and_the_same_nothing_is_trained(finished):
    result = snakemake(finished, "--forcerun", "prepare", "--until", "prepare")
    assert result.returncode == 0, result.stderr
    assert planned(snakemake(finished, "--dry-run")) == {}


def write_images(path: Path, n: int, seed: int = 0) -> None:
    """Write n random images of 10 classes as the files of CIFAR-10 have them."""
    rows = []
    for image in np.random.default_rng(seed).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        rows.append({"bytes": file.getvalue(), "path": ""})
    pq.write_table(pa.table({"img": rows, "label": [n % 10 for n in range(n)]}), path)


@pytest.fixture
def with_files(tmp_path):
    """A copy of the repository, and a configuration with CIFAR-10 from files at hand alone."""
    copy_repository(tmp_path)
    raw = tmp_path / "data/raw/cifar10"
    raw.mkdir(parents=True)
    write_images(raw / "train-0.parquet", 40)
    write_images(raw / "test-0.parquet", 20, seed=1)
    config = changed()
    cifar10 = config["datasets"]["cifar10"] | {
        "stand_in": None,
        "sources": [{"from": "files", "folder": "data/raw/cifar10"}],
        "partition": {
            "rule": "balanced", "classes_per_client": [4], "images_per_class": 4,
            "test": {"from": "official", "images_per_class": 2},
        },
    }  # fmt: skip
    config["datasets"] = {"cifar10": cifar10}
    config["multiverse"] = {"runs": [], "universes": {}}
    return tmp_path, config


@pytest.mark.slow
def test_files_at_hand_are_checked_again_if_they_are_others_not_if_they_are_touched(with_files):
    folder, config = with_files
    assert snakemake(folder, "data", config=config).returncode == 0
    path = folder / "data/raw/cifar10/train-0.parquet"
    path.touch()
    assert planned(snakemake(folder, "data", "--dry-run", config=config)) == {}
    write_images(path, 50, seed=2)
    plan = planned(snakemake(folder, "data", "--dry-run", config=config))
    assert {"fetch", "prepare", "partition"} <= plan.keys()


def test_stand_ins_need_no_network(finished):
    """All of the pipeline has run without one."""
    if not may_be_alone():
        pytest.skip("this machine does not let a test have a network of its own")
    connect = "import socket; socket.create_connection(('127.0.0.1', 80))"
    reached = subprocess.run(
        [*ALONE, sys.executable, "-c", connect],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Network is unreachable" in reached.stderr
    assert len(list((finished / "data/prepared/tiny").glob("*.safetensors"))) == 3


@pytest.fixture
def clone(finished, tmp_path):
    """As a clone of committed results: no record of Snakemake, and no data."""
    copy_repository(tmp_path)
    shutil.copytree(finished / "results", tmp_path / "results")
    return tmp_path


def test_figures_and_report_are_redrawn_from_histories_alone_and_come_out_the_same(clone):
    names = ("figures/figure2.png", "figures/multiverse.png", "report.pdf", "explore.html")
    files = [clone / "results/tiny" / name for name in names]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    result = snakemake(clone, *REDRAW, "redraw")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [file.read_bytes() for file in files] == before
    assert "rule train" not in result.stdout + result.stderr


def test_runs_that_are_there_are_not_trained_again(clone):
    """Snakemake has no record of them, and plans one once its data are made; train.py leaves it."""
    history = next(clone.glob("results/tiny/runs/*kp1*/history.csv"))
    target, before = str(history.relative_to(clone)), history.stat()
    assert planned(snakemake(clone, "--dry-run", "--", target)) == {}
    partitions = list(clone.glob("results/tiny/partitions/cifar10-*.json"))
    for partition in partitions:
        partition.unlink()
    made = snakemake(clone, "--", *(str(path.relative_to(clone)) for path in partitions))
    assert made.returncode == 0, made.stderr
    assert planned(snakemake(clone, "--dry-run", "--", target)) == {"train": 1}
    result = snakemake(clone, "--", target)
    assert result.returncode == 0, result.stderr
    after = history.stat()
    assert after.st_ino == before.st_ino
    assert after.st_mtime > before.st_mtime
    assert planned(snakemake(clone, "--dry-run", "--", target)) == {}


def test_a_run_that_is_missing_is_said_in_figures_tables_and_claims(clone):
    (run,) = clone.glob("results/tiny/runs/*kp1*")
    shutil.rmtree(run)
    names = ["tables/table1.md", "tables/table2.tex", "claims.md", "facts.json"]
    result = snakemake(clone, *REDRAW, *(f"results/tiny/{name}" for name in names))
    assert result.returncode == 0, result.stdout + result.stderr
    results = clone / "results/tiny"
    for name in names[:3]:
        words = (results / name).read_text().replace(r"K\_P", "K_P").replace("$K_P$", "K_P")
        assert "Missing: stand-in for CIFAR-10, MobileNet-v1, FedPer, k = 4, K_P = 1" in words
    (row,) = [
        row for row in csv.DictReader((results / "tables/table1.csv").open())
        if row["personalization_layers"] == "1"
    ]  # fmt: skip
    assert (row["accuracy_mean"], row["n_missing"]) == ("", "1")
    facts = json.loads((results / "facts.json").read_text())
    assert (facts["n_runs"], facts["n_missing"]) == (5, 1)


@pytest.mark.slow
def test_a_missing_history_is_trained_again(finished):
    history = next(finished.glob("results/tiny/runs/*kp1*/history.csv"))
    before = history.read_bytes()
    history.unlink()
    result = snakemake(finished)
    assert result.returncode == 0, result.stderr
    assert history.read_bytes() == before


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (changed(optimiser={"momentun": 0.9}), "optimiser: unknown key 'momentun'"),
        (changed(compute={"threads": 0}), "compute.threads: 0 is less than the minimum of 1"),
        (changed_grid(classes_per_client=[0]), "0 is less than the minimum of 1"),
        (changed_grid(classes_per_client=[11]), "11 is not in [4], for which partitions of"),
        (changed_grid(personalization_layers=[2, 15]), "15 leaves none of the 15 layers of"),
        (changed_grid(methods=["FedAvg", "FedRep"]), "figure2: shows FedAvg, FedPer, no FedRep"),
        ({k: v for k, v in TINY.items() if k != "optimiser"}, "missing key 'optimiser'"),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(tmp_path, config, words):
    before = {path.name for path in copy_repository(tmp_path).iterdir()}
    result = snakemake(tmp_path, config=config)
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if "rror" in line]
    assert line.startswith("error: tiny.yaml: ")
    assert words in line
    assert "Traceback" not in result.stdout + result.stderr
    after = {path.name for path in tmp_path.iterdir() if path.name != ".snakemake"}
    assert after == before | {"tiny.yaml"}


@pytest.mark.parametrize("truncated", [False, True])
def test_missing_or_truncated_data_end_in_a_clear_line_and_leave_nothing(tmp_path, truncated):
    config = changed()
    config["datasets"]["cifar10"] |= {
        "stand_in": None,
        "sources": [{"from": "files", "folder": "data/raw/cifar10"}],
    }
    copy_repository(tmp_path)
    shutil.copytree(REPOSITORY / "profiles", tmp_path / "profiles")
    if truncated:
        (tmp_path / "data/raw/cifar10").mkdir(parents=True)
        for name in ("train-0.parquet", "test-0.parquet"):
            (tmp_path / "data/raw/cifar10" / name).write_bytes(b"PAR1")
    result = snakemake(tmp_path, "--", "prepared", config=config)
    start = "error: data/raw/cifar10/" if truncated else "error: cifar10: no source works: files: "
    expected = "train-0.parquet: not a whole" if truncated else "neither train-*.parquet"
    output = result.stdout + result.stderr
    assert result.returncode == 1
    assert any(line.startswith(start) and expected in line for line in output.splitlines())
    assert "failed: fetch, which makes data/prepared/tiny/cifar10-" in output or truncated
    assert "Shell command" not in output
    assert "Traceback" not in output
    left = [path.name for path in (tmp_path / "data").glob("prepared/tiny/cifar10-*")]
    assert [name for name in left if not name.endswith(".source.json")] == []

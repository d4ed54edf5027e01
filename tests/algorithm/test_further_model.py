"""A third model, as somebody would add it: a record in names.py and a module of its name."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPOSITORY, SMALL
from fedper.data.make_partition import make_partition
from fedper.data.stored import save_dataset, write_partition
from fedper.provenance import code_digest

VGG11 = '''"""VGG-11 (Simonyan and Zisserman 2015, configuration A), with BatchNorm."""

from torch import nn

from fedper.algorithm.blocks import classifier, conv_norm, scaled, sequence

CHANNELS = (64, 128, 256, 256, 512, 512, 512, 512)
POOLED = (0, 1, 3, 5, 7)


def vgg11(n_classes: int, width: float, stem: str) -> nn.Sequential:
    """VGG-11: eight convolutions, of which five are followed by pooling, and one linear layer."""
    n_in, blocks = 3, []
    for number, channels in enumerate(CHANNELS):
        block = conv_norm(n_in, scaled(channels, width), kernel_size=3)
        if number in POOLED:
            block.append(nn.MaxPool2d(2, ceil_mode=True))
        blocks.append(block)
        n_in = scaled(channels, width)
    return sequence(blocks[0], blocks[1:], classifier(n_in, n_classes))
'''
RECORD = '\nMODELS["vgg11"] = ModelRecord("VGG-11", n_layers=9)\n'
RUN = replace(SMALL, model="vgg11", width=0.0625, rounds=1)


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> Path:
    """A copy of the code with VGG-11 in it: one file changed, one added."""
    copy = tmp_path_factory.mktemp("further") / "scripts"
    shutil.copytree(REPOSITORY / "scripts", copy)
    with (copy / "fedper/names.py").open("a", encoding="utf-8") as names:
        names.write(RECORD)
    (copy / "fedper/algorithm/vgg11.py").write_text(VGG11, encoding="utf-8")
    return copy


def call(scripts: Path, *command: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=scripts, capture_output=True, text=True,
        check=False, env={"PYTHONPATH": str(scripts)},
    )  # fmt: skip


@pytest.fixture
def inputs(small_dataset, tmp_path) -> list[object]:
    save_dataset(small_dataset, tmp_path / "d.safetensors")
    partition = make_partition(small_dataset, RUN.samples, 5, 4, RUN.seed)
    write_partition(partition, tmp_path / "p.json")
    return ["--data", tmp_path / "d.safetensors", "--partition", tmp_path / "p.json",
            "--device", "cpu", "--out", tmp_path / "run"]  # fmt: skip


def test_a_third_model_is_trained(scripts, inputs, tmp_path):
    done = call(scripts, "train.py", "--run", RUN.to_json(), *inputs)
    assert done.returncode == 0, done.stderr
    about = json.loads((tmp_path / "run/run.json").read_text())
    assert about["run"]["model"] == "vgg11"
    assert len((tmp_path / "run/history.csv").read_text().splitlines()) == 1 + RUN.n_clients


def test_without_its_module_there_is_one_clear_line(inputs):
    done = call(REPOSITORY / "scripts", "train.py", "--run", RUN.to_json(), *inputs)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "error: the settings: model: 'vgg11' is not one of mobilenet_v1, resnet34"
    )


def test_it_is_named_and_counted_where_figures_and_configurations_ask(scripts):
    code = (
        "from fedper.names import model_title, MODELS; from fedper.algorithm.models import "
        "build_model; n = len(build_model('vgg11', 10, 1.0, 'cifar')); "
        "print(model_title('vgg11'), n == MODELS['vgg11'].n_layers)"
    )
    assert call(scripts, "-c", code).stdout.split() == ["VGG-11", "True"]


def test_it_makes_no_run_of_another_model_stale(scripts):
    for model in ("resnet34", "mobilenet_v1"):
        assert code_digest(model, scripts) == code_digest(model)
    assert code_digest("vgg11", scripts) != code_digest("resnet34")

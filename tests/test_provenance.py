"""What counts as a change of the training code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from fedper.provenance import code_digest, modules_of, without_comments

SOURCE = '''"""A module."""

import math  # for pi

HASH = "# not a comment"
"""What it is."""


def area(r: float) -> float:
    """Area of a circle.

    With a second paragraph.
    """
    # the formula
    return math.pi * r**2  # πr²
'''


def test_comments_docstrings_imports_and_empty_lines_do_not_count():
    assert without_comments(SOURCE) == (
        'HASH = "# not a comment"\ndef area(r: float) -> float:\n    return math.pi * r**2'
    )


def test_a_change_of_the_code_counts():
    changed = SOURCE.replace("r**2  #", "r**3  #")
    assert without_comments(changed) != without_comments(SOURCE)


@pytest.fixture
def scripts(tmp_path) -> Path:
    """A copy of the scripts and the package."""
    return Path(shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts"))


SGD = "fedper/algorithm/sgd.py"


@pytest.mark.parametrize(
    "file",
    [SGD, "fedper/algorithm/evaluate.py", "fedper/algorithm/weights.py", "fedper/errors.py",
     "fedper/train/device.py", "fedper/train/set_up.py", "fedper/data/partition.py"],
)  # fmt: skip
def test_a_comment_or_an_import_is_no_change_of_the_training_code_and_a_line_is(scripts, file):
    before = code_digest("resnet34", scripts)
    assert before == code_digest("resnet34")
    path = scripts / file
    text = path.read_text()
    path.write_text(f"# a comment\n{text}\nimport colorsys\n")
    assert fresh_digest(scripts) == before
    path.write_text(text + "\nCHANGED = True\n")
    assert fresh_digest(scripts) != before


def test_what_changes_no_number_does_not_count(scripts):
    """That it changes none is shown by runs that are killed, cut and resumed, in tests/train."""
    before = fresh_digest(scripts)
    around = [path.relative_to(scripts) for path in (scripts / "fedper/job").glob("*.py")]
    files = ("files", "exits", "hashing", "names", "provenance", "data/stored", "data/parquet")
    around += [f"fedper/{name}.py" for name in files]
    for file in ("train.py", "draw_figure.py", "fedper/algorithm/mobilenet_v1.py", *around):
        with (scripts / file).open("a") as opened:
            opened.write("CHANGED = True\n")
    assert fresh_digest(scripts) == before


def test_a_checkout_may_have_the_name_of_the_package(tmp_path):
    scripts = Path(shutil.copytree(REPOSITORY / "scripts", tmp_path / "fedper/scripts"))
    assert fresh_digest(scripts) == code_digest("resnet34")


def test_moving_a_module_is_no_change(scripts):
    before = fresh_digest(scripts)
    (scripts / SGD).rename(scripts / "fedper/algorithm/descent.py")
    for path in scripts.rglob("*.py"):
        path.write_text(
            path.read_text().replace("algorithm.sgd import", "algorithm.descent import")
        )
    assert fresh_digest(scripts) == before


def fresh_digest(scripts: Path) -> str:
    """As a new process would find it; in one process it is remembered."""
    return code_digest.__wrapped__("resnet34", scripts)


def test_the_digest_is_of_the_code_that_was_there_when_it_was_first_asked_for(scripts):
    before = code_digest("resnet34", scripts)
    with (scripts / SGD).open("a") as file:
        file.write("CHANGED = True\n")
    assert code_digest("resnet34", scripts) == before != fresh_digest(scripts)


def imported_by(script: str) -> set[Path]:
    """Files of the package that a script has imported once it runs, without __init__.py."""
    code = (
        f"import sys; sys.path.insert(0, 'scripts'); import {script}; "
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('fedper.')))"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    paths = {Path(path).resolve() for path in output.stdout.split()}
    return {path for path in paths if path.name != "__init__.py"}


@pytest.mark.parametrize(
    "script",
    [
        "partition_dataset",
        "train",
        "draw_figure",
        "draw_partition_map",
        "make_table",
        "judge_claims",
    ],
)
def test_the_modules_of_a_script_are_those_that_it_imports_when_run(script):
    found = modules_of(REPOSITORY / f"scripts/{script}.py")
    assert {path.resolve() for path in found} == imported_by(script)

"""What counts as a change of the training code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from fedper.provenance import CODE_SHA256, TRAINING_CODE, code_digest, modules_of, without_comments

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


def test_comments_docstrings_and_empty_lines_do_not_count():
    assert without_comments(SOURCE) == (
        'import math\nHASH = "# not a comment"\n'
        "def area(r: float) -> float:\n    return math.pi * r**2"
    )


def test_a_change_of_the_code_counts():
    changed = SOURCE.replace("r**2  #", "r**3  #")
    assert without_comments(changed) != without_comments(SOURCE)


def test_the_digest_is_of_the_code_that_was_there_when_the_process_started(tmp_path):
    copy = tmp_path / "scripts"
    shutil.copytree(REPOSITORY / "scripts", copy)
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "import fedper.train.record as record; path = Path(record.__file__).with_name('evaluate.py'); "
        "path.write_text(path.read_text() + 'changed = True\\n'); print(record.CODE_SHA256)"
    )
    command = [sys.executable, "-c", script, str(copy)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.strip() == code_digest() == CODE_SHA256


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


def test_the_training_code_is_all_that_a_training_run_imports():
    package = (REPOSITORY / "scripts/fedper").resolve()
    assert imported_by("train") == {package / name for name in TRAINING_CODE}


@pytest.mark.parametrize(
    "script", ["partition", "train", "figure", "figure_partition", "table", "claims"]
)
def test_the_modules_of_a_script_are_those_that_it_imports_when_run(script):
    found = modules_of(REPOSITORY / f"scripts/{script}.py")
    assert {path.resolve() for path in found} == imported_by(script)


@pytest.mark.parametrize(
    ("script", "reader"), [("fetch", "simulated"), ("prepare", "flickr_aes"), ("prepare", "digits")]
)
def test_modules_that_a_script_imports_only_when_it_needs_them_are_found_too(script, reader):
    found = {path.resolve() for path in modules_of(REPOSITORY / f"scripts/{script}.py")}
    at_once = imported_by(script)
    later = (REPOSITORY / f"scripts/fedper/data/{reader}.py").resolve()
    assert at_once < found
    assert later in found - at_once

"""Calls to the system that fail, for every kind of file that is read, and for all that is written.

They fail in a library that is preloaded (failing_calls.c), so each library goes its own way to the
disk: Python's own, pandas', Arrow's, zipfile's, safetensors' and PyTorch's.
"""

import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fuzz import READERS, one


@dataclass(frozen=True)
class Case:
    """Calls that fail while one kind of file is read.

    Attributes:
        kind: of the file, of READERS.
        path: a part of the paths of the files whose calls fail; the file's own where empty.
        call: which.
        error: its name.
        after: how many calls succeed before.
    """

    kind: str
    path: str
    call: str
    error: str
    after: int = 0

    @property
    def words(self) -> str:
        """What the system says."""
        return os.strerror(getattr(errno, self.error))


KINDS = [kind for kind in READERS if kind not in ("photograph", "configuration")]
"""A photograph reaches the pipeline in an archive; of a configuration nothing is made here."""

READ = (("open", "ESTALE"), ("read", "EIO"))
WRITTEN = (("open", "EROFS"), ("write", "EDQUOT"), ("fsync", "EIO"), ("rename", "ESTALE"))
CASES = [
    *(Case(kind, "", *call, after) for kind in [*KINDS, "configuration"]
      for call in READ for after in (0, 1)),
    *(Case(kind, "/out", *call) for kind in KINDS for call in WRITTEN),
    *(Case("prepared data", "/checkpoints", *call) for call in WRITTEN),
    *(Case("parquet", "/receipt.json", *call) for call in READ),
    *(Case("parquet", ".safetensors/.tmp", "write", error) for error in ("ENOSPC", "EIO")),
]  # fmt: skip


def failing(case: Case, name: Path, library: ctypes.CDLL) -> Callable[[Path], tuple[int, str]]:
    """Read as the pipeline does, while calls fail."""

    def read(folder: Path) -> tuple[int, str]:
        os.environ |= {
            "FAIL_CALL": case.call, "FAIL_PATH": case.path or f"/{name}",
            "FAIL_AFTER": str(case.after), "FAIL_ERRNO": str(getattr(errno, case.error)),
        }  # fmt: skip
        library.count_anew()
        try:
            return READERS[case.kind].read(folder)
        finally:
            os.environ["FAIL_CALL"] = "none"

    return read


def try_all(library: ctypes.CDLL) -> list[tuple[str, str]]:
    """Try all cases; say what becomes of each, as fuzz.one does."""
    found, templates = [], {}
    with tempfile.TemporaryDirectory() as made:
        for case in CASES:
            reader, template = READERS[case.kind], Path(made) / case.kind.replace(" ", "-")
            if case.kind not in templates:
                template.mkdir()
                name = reader.make(template).relative_to(template)
                content = (template / name).read_bytes()
                whole = one(reader, template, content, name, {})
                templates[case.kind] = name, content, whole
            name, content, whole = templates[case.kind]
            reader = replace(reader, read=failing(case, name, library))
            outcome = one(reader, template, content, name, {})
            found.append(("as if nothing had failed", "") if outcome == whole else outcome)
    return found


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[Case, tuple[str, str]]:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("library") / "failing_calls.so"
    source = Path(__file__).with_name("failing_calls.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    preloaded = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, __file__, library], env=preloaded, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    said = json.loads(done.stdout.splitlines()[-1])
    return dict(zip(CASES, map(tuple, said), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_that_fails_is_one_line_that_names_the_file_and_the_cause(case, outcomes):
    """A file that is opened once only, or mapped into memory, is read as if nothing had failed.

    Why a file of tensors could not be opened a second time, safetensors does not say.
    """
    outcome, words = outcomes[case]
    once = case.after == 1 and case.call == "open"
    mapped = case.kind in ("prepared data", "checkpoint") and not case.path
    if outcome == "as if nothing had failed":
        assert once or (mapped and case.call == "read")
        return
    assert outcome == "refused", words
    assert case.words in words or (once and mapped)
    assert words.endswith("; mend that and run again")
    file = words.removeprefix("error: ").split(": ")[0]
    assert file.startswith("/")
    assert ".writing-" not in file


if __name__ == "__main__":
    print(json.dumps(try_all(ctypes.CDLL(sys.argv[1]))))

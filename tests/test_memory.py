"""Memory that runs out, in every script: one line that says so, and nothing half-written."""

from pathlib import Path

import pytest
from conftest import REPOSITORY, run_main
from fuzz import READERS, tree

SCRIPTS = sorted(path.name for path in (REPOSITORY / "scripts").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_says_it_in_one_line(script, monkeypatch):
    def no_memory(*_):
        raise MemoryError("17 bytes")

    monkeypatch.setattr("argparse.ArgumentParser.parse_args", no_memory)
    status, words = run_main(script)
    assert (status, words) == (
        1,
        "error: memory ran out (17 bytes); free some, run again",
    )


@pytest.mark.parametrize("kind", ["partition", "history.csv", "ratings", "parquet"])
def test_nothing_is_left_of_a_file_that_could_not_be_written_whole(kind, tmp_path, monkeypatch):
    """Each script that training data and results go through, and each of the files it writes."""
    reader, replace = READERS[kind], Path.replace

    def out_of_memory_after(n_files):
        counted = iter(range(n_files))

        def replace_or_fail(path, target):
            if next(counted, None) is None:
                raise MemoryError
            return replace(path, target)

        return replace_or_fail

    for n_files in range(20):
        folder = tmp_path / f"{n_files}"
        folder.mkdir()
        reader.make(folder)
        before = tree(folder)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", out_of_memory_after(n_files))
            status, words = reader.read(folder)
        after = tree(folder)
        assert not [path for path in after if ".writing-" in path]
        assert not before.keys() - after.keys()
        if status == 0:
            break
        assert words == "error: memory ran out (MemoryError); free some, run again"
    assert status == 0
    assert n_files > 1

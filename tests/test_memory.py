"""Memory that runs out, in every script: one line that says so, and nothing half-written."""

from contextlib import suppress
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
    """Each script that training data and results go through, and each of its files."""
    reader, template = READERS[kind], tmp_path / "0"
    template.mkdir()
    reader.make(template)
    before = tree(template)
    replace = Path.replace

    def fail_at(number):
        counted = iter(range(number))

        def replace_or_fail(path, target):
            if next(counted, None) is None:
                raise MemoryError
            return replace(path, target)

        return replace_or_fail

    for written in range(20):
        folder = tmp_path / "world"
        with suppress(FileNotFoundError):
            folder.rename(tmp_path / f"earlier{written}")
        folder.mkdir()
        reader.make(folder)
        monkeypatch.setattr(Path, "replace", fail_at(written))
        status, words = reader.read(folder)
        monkeypatch.setattr(Path, "replace", replace)
        after = tree(folder)
        assert not [path for path in after if ".writing-" in path]
        assert not before.keys() - after.keys()
        if status == 0:
            break
        assert words == "error: memory ran out (MemoryError); free some, run again"
    assert status == 0
    assert written > 1

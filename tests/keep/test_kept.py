"""What is said of a file that DVC keeps and a disk spoiled, and what brings it back."""

import hashlib
from pathlib import Path

import pytest
from fedper.keep.kept import Kept, is_other

RIGHT = hashlib.md5(b"right").hexdigest()


@pytest.mark.parametrize(
    ("stored", "used", "words"),
    [
        ("right", "wrong", "used: not what DVC wrote there; move away, then `dvc checkout` brings"),
        ("wrong", "right", "ab/cd: not what DVC wrote there; move away, then `dvc pull`, or else"),
        ("wrong", "wrong", "used and ab/cd: not what DVC wrote there; move away, then `dvc pull`"),
        (None, "right", "used: not in the cache; dvc pull first. If that fails, the storage has"),
        (None, None, "spoiled: remove files/md5/ab/cd and files/md5/ef/01.dir there, then `dvc"),
    ],
)
def test_what_is_wrong_is_named_with_what_brings_it_back(
    tmp_path, monkeypatch, stored, used, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ab").mkdir()
    one = Kept(RIGHT, Path("ab/cd"), Path("used"), Path("ef/01.dir"))
    for path, text in ((one.stored, stored), (one.used, used)):
        if text:
            path.write_text(text)
    assert words in one.remedy()


def test_a_list_of_files_is_compared_without_its_suffix_and_a_missing_file_is_not_wrong(tmp_path):
    path = tmp_path / "list"
    assert not is_other(path, f"{RIGHT}.dir")
    path.write_text("right")
    assert not is_other(path, f"{RIGHT}.dir")
    path.write_text("wrong")
    assert is_other(path, f"{RIGHT}.dir")

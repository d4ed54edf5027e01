"""Files that DVC keeps and a disk spoiled, however cache and workspace are linked."""

import hashlib
import os
import shutil

import pytest
from fedper.keep.kept import Kept, put_aside, take_out

RIGHT = hashlib.md5(b"right").hexdigest()


@pytest.mark.parametrize("link", [shutil.copy, os.link, os.symlink])
def test_two_files_of_one_spoiled_object_are_taken_out_with_it_and_its_bytes_stay(tmp_path, link):
    stored = tmp_path / "cache"
    stored.write_text("right")
    kept = [Kept(RIGHT, stored, tmp_path / name) for name in "ab"]
    for one in kept:
        link(stored, one.used)
    assert not any(one.is_stored_wrong() or one.is_used_wrong() for one in kept)
    for path in (stored, *(one.used for one in kept)):
        path.write_text("wrong")
    assert all(one.is_stored_wrong() and one.is_used_wrong() for one in kept)
    take_out(kept, tmp_path / "aside")
    assert [path.name for path in tmp_path.iterdir()] == ["aside"]
    assert [path.read_text() for path in (tmp_path / "aside").iterdir()] == ["wrong"]


def test_a_right_copy_of_a_spoiled_object_stays(tmp_path):
    one = Kept(RIGHT, tmp_path / "cache", tmp_path / "used")
    one.stored.write_text("wrong")
    one.used.write_text("right")
    take_out([one], tmp_path / "aside")
    assert one.used.read_text() == "right"
    assert not one.stored.exists()


def test_a_list_of_files_is_compared_without_its_suffix_and_a_missing_file_is_not_wrong(tmp_path):
    one = Kept(f"{RIGHT}.dir", tmp_path / "cache", tmp_path)
    assert not one.is_stored_wrong()
    one.stored.write_text("right")
    assert not one.is_stored_wrong()
    one.stored.write_text("wrong")
    assert one.is_stored_wrong()
    assert not one.is_used_wrong()


def test_two_spoiled_files_beside_each_other_are_both_kept_aside(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        put_aside(tmp_path / name, tmp_path / "aside")
    assert {path.read_text() for path in (tmp_path / "aside").iterdir()} == {"one", "two"}

"""Files at hand, as caches and other users leave them."""

import json
import os

import pytest
from fedper.errors import InputError
from fedper.fetch.raw import describe_files, raw_files, read_receipt, size_of
from fedper.names import DATASETS


def fill(folder, dataset):
    """Put something in the place of every file of a data set's first layout."""
    folder.mkdir()
    for pattern in DATASETS[dataset].layouts[0].files:
        (folder / pattern.replace("*", "0")).write_bytes(b"12345")


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_link_that_leads_nowhere_is_no_file(tmp_path, dataset):
    """As a cache of Hugging Face leaves them once it was cleaned."""
    fill(tmp_path / "raw", dataset)
    paths = raw_files(dataset, tmp_path / "raw")
    assert len(paths) == len(DATASETS[dataset].layouts[0].files)
    assert size_of(paths[0]) == 5
    paths[0].unlink()
    paths[0].symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match="raw: n"):  # "no … here" or "neither … nor … here"
        raw_files(dataset, tmp_path / "raw")


def test_a_folder_with_links_that_lead_nowhere_is_described_without_them(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "one.jpg").write_bytes(b"12345")
    before = describe_files([folder])
    (folder / "two.jpg").symlink_to(tmp_path / "gone")
    assert describe_files([folder]) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_one_line(tmp_path):
    fill(tmp_path / "raw", "cifar10")
    (tmp_path / "raw").chmod(0)
    with pytest.raises(InputError, match="raw: Permission denied; let it be read"):
        raw_files("cifar10", tmp_path / "raw")


GOOD = {"a.csv": {"bytes": 1, "sha256": "00"}}


@pytest.mark.parametrize(
    "files", [7, ["a.csv"], None, {"a.csv": 7}, {"a.csv": {}}, {"x" * 300: GOOD["a.csv"]},
              {"../a.csv": GOOD["a.csv"]}],
)  # fmt: skip
def test_a_receipt_with_other_files_than_files_is_one_line(tmp_path, files):
    path = tmp_path / "receipt.json"
    receipt = {"source": "files", "folder": str(tmp_path)}
    path.write_text(json.dumps(receipt | {"files": files}))
    with pytest.raises(InputError, match=r"receipt.json: not a receipt of fetch.py \("):
        read_receipt(path)
    path.write_text(json.dumps(receipt | {"files": GOOD}))
    assert read_receipt(path)["files"] == GOOD

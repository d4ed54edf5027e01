"""The page of the benchmarks says what is in their files."""

import json
import sys
from unittest import mock

import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import table

ROWS = [
    {"model": "mobilenet_v1", "width": 0.25, "k_p": 1, "clients": n, "images_per_client": 64,
     "batch_size": 64, "local_epochs": 1, "training_ms_per_image": 2 * ms,
     "over_first": [ms - 0.01, ms, ms + 0.01], "evaluation_ms_per_client": 2.0, "peak_mib": 800}
    for n, ms in ((10, 1.0), (1000, 1.03))
]  # fmt: skip
CLIENTS = {"width": 0.25, "slices": 20}
CLIENTS |= dict.fromkeys(("fixed_per_client", "fixed_in_all", "one_step"), ROWS)
SCALING = {
    "memory": ROWS,
    "k_p": ROWS,
    "shares": [{"model": "resnet34", "k_p": 2, "training_s": 7.0, "aggregation_s": 1.0,
                "evaluation_s": 1.5, "checkpoints_s": 0.5}],
    "start_up": {"start_up_s": 3.21, "repeats": 5},
}  # fmt: skip
KILLS = {
    "kills": 3, "before_the_first_checkpoint": 1, "in_a_write": 2,
    "by_moment": {"any": 2, "SIGTERM": 1},
    "resumed": 3, "identical": 2, "left_behind": 0,
    "each": [{"kind": "FedAvg"}, {"kind": "FedPer"}, {"kind": "FedAvg"}],
}  # fmt: skip


@pytest.fixture
def page(tmp_path):
    (tmp_path / "scaling.json").write_text(json.dumps(SCALING))
    (tmp_path / "clients.json").write_text(json.dumps(CLIENTS))
    (tmp_path / "kill_and_resume.json").write_text(json.dumps(KILLS))
    out = tmp_path / "README.md"
    with mock.patch.object(sys, "argv", ["table.py", str(tmp_path), "--out", str(out)]):
        table.main()
    return out.read_text()


def test_ratios_and_shares_are_worked_out_from_the_files(page):
    assert page.count("longest over shortest time per image: 1.030.") == 3
    assert page.count("1.020 to 1.040") == 4
    assert "| ResNet-34 | 70.0%      | 10.0%         | 15.0%        | 5.0%          |" in page
    assert "3.21 s, median of 5" in page


def test_killed_runs_are_counted(page):
    assert "Of 3 runs of 2 kinds, each stopped" in page
    assert "(SIGKILL 2, SIGTERM 1; 2 while a checkpoint was being written, 1 before" in page
    assert "and 2 with a byte-identical history; 0 left" in page


def test_what_was_not_measured_is_not_on_the_page(page):
    assert "GPU" not in page
    assert "Flower" not in page


def test_the_page_that_is_committed_says_what_is_in_the_files_beside_it(tmp_path):
    folder = REPOSITORY / "results/benchmarks"
    out = tmp_path / "README.md"
    with mock.patch.object(sys, "argv", ["table.py", str(folder), "--out", str(out)]):
        table.main()
    assert out.read_text() == (folder / "README.md").read_text()

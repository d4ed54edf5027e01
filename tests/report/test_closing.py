"""What stands at the end of a run of the workflow."""

import json

import pytest
from fedper.errors import InputError
from fedper.report.closing import closing_lines


def write(folder, claims, **facts):
    usual = {"headline": [], "n_trained": 12, "n_runs": 143}
    (folder / "facts.json").write_text(json.dumps(usual | facts))
    (folder / "claims.json").write_text(json.dumps({"claims": claims}))
    return folder


def claim(name, verdict, stand_ins=()):
    return {"claim": name, "verdict": verdict, "stand_ins": list(stand_ins)}


def test_verdicts_are_grouped_and_what_rests_on_stand_ins_says_so(tmp_path):
    headline = [
        {"dataset": "CIFAR-10", "model": "ResNet-34", "k": 4, "fedavg": 0.25, "fedper": 0.5},
        {"dataset": "FLICKR-AES", "model": "ResNet-34", "k": None, "fedavg": None, "fedper": 0.5},
    ]
    claims = [
        claim("C1", "control passed", ["digits"]),
        claim("C2", "control failed", ["digits"]),
        claim("C3", "control passed", ["coloured_digits"]),
        claim("C4", "inconclusive"),
        claim("C10", "reproduced", ["digits"]),
    ]
    assert closing_lines(write(tmp_path, claims, headline=headline)) == [
        f"12 of 143 runs of the figures are in {tmp_path}/runs.",
        "CIFAR-10, ResNet-34, k = 4: FedPer 0.500, FedAvg 0.250",
        "control passed: C1, C3",
        "control failed: C2",
        "inconclusive: C4",
        "reproduced (stand-in data): C10",
        f"Read {tmp_path}/report.pdf first; explore.html beside it opens in a browser.",
    ]


def test_a_broken_file_is_named(tmp_path):
    write(tmp_path, [])
    (tmp_path / "claims.json").write_text("{}")
    with pytest.raises(InputError, match=r"claims\.json.*judge_claims\.py"):
        closing_lines(tmp_path)

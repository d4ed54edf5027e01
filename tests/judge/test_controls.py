"""Controls on stand-ins whose truth the test sets."""

import numpy as np
import pytest
from conftest import REPOSITORY
from fedper.judge.controls import FAILED, NO_CONTROL, PASSED, PLANTED
from fedper.judge.verdicts import judge
from fedper.names import DATASETS
from scipy import stats
from test_claims import BY_NAME, TRUE_PAPER, parts, rows, where

KINDS = {name: record.stand_ins[0] for name, record in DATASETS.items()}


def on_stand_ins(frame, datasets=tuple(KINDS)):
    names = {name: f"{KINDS[name]} (stand-in for {name})" for name in datasets}
    return frame.assign(dataset=frame["dataset"].replace(names))


def drawn(seed, effects, n_seeds=3):
    return rows(np.random.default_rng(seed), n_seeds, effects, noise=0.004, spread=0.01)


def test_what_is_planted_is_found_with_three_seeds_and_nothing_is_said_of_the_rest():
    judged = judge(on_stand_ins(drawn(0, TRUE_PAPER)))
    found = {claim["claim"]: claim["verdict"] for claim in judged}
    planted = {name for names in PLANTED.values() for name in names}
    assert found == {name: PASSED if name in planted else NO_CONTROL for name in BY_NAME}
    of_parts = parts(judged)
    assert of_parts["C4", "cifar10"]["verdict"] == PASSED
    assert of_parts["C4", "cifar100"]["verdict"] == NO_CONTROL
    assert all(np.isnan(part["p_corrected"]) for part in of_parts.values())


@pytest.mark.parametrize(
    ("effects", "failed"),
    [
        ({(None, None, "FedPer"): 0.0}, {"C1", "C3", "C4", "C5", "C8", "C9"}),
        ({(None, None, "FedPer"): 0.2}, {"C3"}),  # the gain is as large at high k
        ({**TRUE_PAPER, ("cifar10", 4, "FedPer", 3): -0.3}, {"C4"}),  # one K_P of four
    ],
)
def test_what_is_not_there_is_not_found(effects, failed):
    judged = judge(on_stand_ins(drawn(1, effects)))
    assert {claim["claim"] for claim in judged if claim["verdict"] == FAILED} == failed


def test_a_control_needs_three_seeds():
    judged = judge(on_stand_ins(rows(np.random.default_rng(0), 2, TRUE_PAPER)))
    part = parts(judged)["C1", "cifar10"]
    assert (part["verdict"], part["reason"]) == (NO_CONTROL, "2 seeds planned, 3 needed")


@pytest.mark.parametrize("more", [-0.001, 0.001])
def test_the_test_is_one_sided_and_at_five_percent(more):
    """Effects d - s, d, d + s have the standard error s / sqrt(3); d is where p is 0.05."""
    frame = on_stand_ins(rows(np.random.default_rng(0), 3, {}, noise=0))
    at_the_bound = 0.02 + stats.t.ppf(0.95, 2) * 0.05 / np.sqrt(3)
    for method, accuracy in {"FedAvg": 0.3, "FedPer": 0.3 + at_the_bound + more}.items():
        here = where(frame, method=method)
        moved = 0.05 * (frame["seed"][here] - 1) if method == "FedPer" else 0
        frame.loc[here, "accuracy"] = accuracy + moved
    found = parts(judge(frame))["C1", "cifar10"]["verdict"]
    assert found == (PASSED if more > 0 else FAILED)


def test_stand_ins_have_no_part_in_the_verdict_on_real_data():
    """CIFAR is real and has five seeds; a control fails on FLICKR-AES's stand-in."""
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER, noise=0.004)
    of_flickr = where(frame, dataset="flickr_aes")
    frame.loc[of_flickr, "accuracy"] = 0.5
    real = judge(frame[~of_flickr])
    mixed = {claim["claim"]: claim for claim in judge(on_stand_ins(frame, ("flickr_aes",)))}
    for claim in real:
        if claim["claim"] == "C5":
            assert (claim["verdict"], mixed["C5"]["verdict"]) == ("no data", FAILED)
        else:
            assert mixed[claim["claim"]]["verdict"] == claim["verdict"]
            of_claim = zip(claim["parts"], mixed[claim["claim"]]["parts"], strict=True)
            ps = [(one["p_corrected"], two["p_corrected"]) for one, two in of_claim]
            assert all(one == two or np.isnan([one, two]).all() for one, two in ps)


def test_every_control_stands_in_data_readme():
    page = (REPOSITORY / "data" / "README.md").read_text(encoding="utf-8")
    table = page.split("What is planted")[1].split("Nothing is planted")[0]
    for name in {name for names in PLANTED.values() for name in names}:
        assert f"| {name} |" in table or f"{name}, " in table or f", {name} |" in table

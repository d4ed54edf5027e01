"""What methods score at the moments of a round, against numbers by hand."""

import numpy as np
import pandas as pd
import pytest
from conftest import RUN, change, write_run
from fedper.draw.moments import draw_moments
from fedper.judge.moments import MOMENTS, at_moments, differences_to_fedper
from fedper.method import Phase, Test
from fedper.report.facts import gather_facts
from fedper.report.moments_table import table6
from fedper.results.histories import read_clients, read_tests

BEFORE, AFTER, TUNED = (
    Test("before", "averaged"), Test("after", "averaged"),
    Test("end", "averaged", train=(Phase("all", 1),)),
)  # fmt: skip
END = Test("end", "averaged")
GAIN = {0: 30, 1: 20, 2: 40}
"""Of FedPer after aggregation, in samples of 100, by seed."""


def correct(method, seed, test):
    """FedAvg: 70 before, 20 after, 60 tuned; FedPer: more by 1, by the seed's gain, by 2."""
    if method == "FedPer fine-tuned":  # its end is after fine-tuning
        return {BEFORE: 70, AFTER: 40, END: 75, TUNED: 99}[test]
    more = {BEFORE: 1, AFTER: GAIN[seed], END: GAIN[seed], TUNED: 2}[test] * (method == "FedPer")
    return {BEFORE: 70, AFTER: 20, END: 20, TUNED: 60}[test] + more


@pytest.fixture
def folders(tmp_path):
    folders = []
    for method, k_p, phases in (
        ("FedAvg", 0, ()), ("FedPer", 2, ()), ("FedPer fine-tuned", 2, (Phase("personal", 1),)),
    ):  # fmt: skip
        for seed in GAIN:
            run = change(
                RUN, seed=seed, name=method, personalization_layers=k_p, new_base=phases,
                tests=(END, BEFORE, AFTER, TUNED), rounds=1,
            )  # fmt: skip
            folder = write_run(tmp_path / run.name, run, [(1, 1)])
            one = pd.read_csv(folder / "history.csv")
            rows = [
                one.assign(test=test.name, correct=correct(method, seed, test), samples=100)
                for test in run.tests
            ]
            pd.concat(rows).to_csv(folder / "history.csv", index=False)
            folders.append(folder)
    return folders


@pytest.fixture
def tests(folders):
    return read_tests(folders)


def test_each_moment_is_the_test_that_looks_then(tests):
    runs = at_moments(tests)
    assert len(runs) == 3 * 3 * 3
    found = runs[runs["seed"] == 0].pivot(index="method", columns="moment", values="accuracy")
    assert found.loc["FedAvg", list(MOMENTS)].tolist() == pytest.approx([0.70, 0.20, 0.60])
    assert found.loc["FedPer", list(MOMENTS)].tolist() == pytest.approx([0.71, 0.50, 0.62])
    tuned = found.loc["FedPer fine-tuned", list(MOMENTS)]
    assert tuned.tolist() == pytest.approx([0.70, 0.40, 0.75])


def test_differences_are_those_of_seeds(tests):
    table = differences_to_fedper(at_moments(tests)).set_index(["method", "moment"])
    after = table.loc[("FedAvg", "after aggregation")]
    gains = np.array([0.3, 0.2, 0.4])
    half = 4.302653 * gains.std(ddof=1) / np.sqrt(3)  # Student's t at 0.975, 2 degrees of freedom
    assert after["difference"] == pytest.approx(0.3)
    assert after["low"] == pytest.approx(0.3 - half, rel=1e-5)
    assert after["high"] == pytest.approx(0.3 + half, rel=1e-5)
    assert after["n_seeds"] == 3
    assert table.loc[("FedPer", "after aggregation"), "accuracy_sd"] == pytest.approx(0.1)
    assert np.isnan(table.loc[("FedPer", "after aggregation"), "difference"])
    assert table.loc[("FedAvg", "before aggregation"), "difference"] == pytest.approx(0.01)


def test_the_table_has_a_row_for_each_method(tests):
    shown = table6(tests).shown.set_index("method")
    assert list(shown.index) == ["FedAvg", "FedPer", "FedPer fine-tuned"]
    assert shown.loc["FedAvg", "after aggregation"] == "0.200 ± 0.000"
    assert shown.loc["FedAvg", "FedPer -, after aggregation"] == "+0.300 (+0.052 to +0.548)"
    assert shown.loc["FedPer", "FedPer -, after aggregation"] == "-"
    assert shown.loc["FedPer fine-tuned", "after fine-tuning"] == "0.750 ± 0.000"


def test_other_depths_and_larger_k_have_no_row(tests):
    other = tests[tests["method"] == "FedPer"].assign(personalization_layers=3)
    larger = tests.assign(classes_per_client=10)
    assert table6(pd.concat([tests, other, larger])).shown.equals(table6(tests).shown)


def test_a_moment_without_its_test_is_left_out(tests):
    fewer = tests[tests["test"] != TUNED.name]
    shown = table6(fewer).shown.set_index("method")
    assert shown.loc["FedAvg", "after fine-tuning"] == "-"
    assert "after fine-tuning" not in table6(fewer[fewer["method"] != "FedPer fine-tuned"]).shown
    assert draw_moments(at_moments(fewer), "note").axes


def test_a_line_for_each_method_and_a_dot_for_each_seed(tests):
    figure = draw_moments(at_moments(tests), "note")
    (ax,) = figure.axes
    lines = {line.get_label(): line for line in ax.get_lines() if line.get_label() in GAINS_OF}
    assert set(lines) == set(GAINS_OF)
    assert list(lines["FedAvg"].get_ydata()) == pytest.approx([0.7, 0.2, 0.6])
    assert sum(len(dots.get_offsets()) for dots in ax.collections) == 3 * 3 * 3


GAINS_OF = ("FedAvg", "FedPer", "FedPer fine-tuned")


def test_the_report_is_told_both_methods_at_each_moment(folders):
    (row,) = gather_facts(read_clients(folders), folders)["moments"]
    assert (row["dataset"], row["model"], row["k"]) == ("CIFAR-10", "ResNet-34", 4)
    after = row["at"]["after aggregation"]
    assert (after["fedavg"], after["fedper"], after["difference"]) == pytest.approx((0.2, 0.5, 0.3))
    assert row["at"]["before aggregation"]["difference"] == pytest.approx(0.01)
    assert row["at"]["after fine-tuning"]["difference"] == pytest.approx(0.02)

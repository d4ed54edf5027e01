"""Effects in every reading of the protocol, on histories whose truth is known."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import diverge, run_main
from fedper.errors import InputError
from fedper.judge.multiverse import CHOICE, SAME, describe_readings, measure_readings
from fedper.judge.readings import differing, effects_of, readings_of
from fedper.plan.config import check_config
from fedper.plan.universes import universes
from hypothesis import given
from hypothesis import strategies as st
from readings_world import tiny, write_runs

GAIN = {0: 30, 1: 20, 2: 40, 3: 10}
"""Of FedPer, in samples of 100, by seed."""


def correct(universe, run, test):
    """FedAvg: 30 and 50; FedPer: more by the seed's gain, and half as far apart at k = 4."""
    if run.method.name == "FedAvg":
        return [30, 50]
    gain = GAIN[run.seed] if run.classes_per_client == 4 else 5
    gain += {"end averaged": 0, "end reestimated": 8, "end own": -8}.get(test, 1)
    gain += 6 if universe == "our reading until now" else 0
    half = 5 if run.classes_per_client == 4 else 10
    return [40 - half + gain, 40 + half + gain]


@pytest.fixture
def config():
    """Four seeds, and k = 10 beside k = 4."""
    made = tiny()
    made["datasets"]["cifar10"]["partition"]["classes_per_client"] = [4, 10]
    made["multiverse"]["runs"][0] |= {"classes_per_client": [4, 10], "seeds": [0, 1, 2, 3]}
    check_config(made, "test")
    return made


def row(readings, reading, claim):
    found = readings[(readings["reading"] == reading) & (readings["claim"] == claim)]
    assert len(found) == 1
    return found.iloc[0]


def folders_of(config, folder, universe, method, k, seed):
    (one,) = [one for one in universes(config) if one.name == universe]
    return [
        folder / run.name for run in one.runs
        if (run.method.name, run.classes_per_client, run.seed) == (method, k, seed)
    ]  # fmt: skip


def odds(correct):
    """Log odds of so many correct ones of 100, half a one added to both sides."""
    return np.log((correct + 0.5) / (100 - correct + 0.5))


def test_effects_and_intervals_against_numbers_by_hand(config, tmp_path):
    readings = measure_readings(config, write_runs(config, tmp_path, correct))
    gains = np.array([0.3, 0.2, 0.4, 0.1])
    half = 3.182446 * gains.std(ddof=1) / 2  # Student's t at 0.975 with 3 degrees of freedom
    for reading, added in {
        "the authors' code": 0.0, "our reading until now": 0.06, "test: end reestimated": 0.08,
        "test: end own": -0.08, "test: before averaged": 0.01,
    }.items():  # fmt: skip
        found = row(readings, reading, "C1")
        assert found["mean"] == pytest.approx(0.25 + added)
        assert found["low"] == pytest.approx(0.25 + added - half, rel=1e-5)
        assert found["high"] == pytest.approx(0.25 + added + half, rel=1e-5)
        # what is added is the same at k = 10, where the gain is 0.05
        assert row(readings, reading, "C2")["mean"] == pytest.approx(0.20)
        # two clients at a distance d have the standard deviation d / sqrt(2)
        apart = [odds(50) - odds(30) - odds(45 + g) + odds(35 + g) for g in 100 * (gains + added)]
        found = row(readings, reading, "C6")
        assert found["mean"] == pytest.approx(np.mean(apart) / np.sqrt(2))
    assert readings["n_seeds"].eq(4).all()
    assert (readings["fault"] == "").all()
    assert len(readings) == 6 * 3
    assert readings["reference"].sum() == 3


def test_below_three_seeds_there_is_no_interval_and_without_high_k_no_c2(tmp_path):
    config = tiny()
    readings = measure_readings(config, write_runs(config, tmp_path, correct))
    assert set(readings["claim"]) == {"C1", "C6"}
    assert row(readings, "the authors' code", "C1")["mean"] == pytest.approx(0.25)
    assert readings[["low", "high"]].isna().all(axis=None)


def test_a_universe_counts_only_for_claims_whose_runs_it_touches(config, tmp_path):
    grid = {"datasets": ["cifar100"], "models": ["mobilenet_v1"], "classes_per_client": [40],
            "methods": ["FedAvg", "FedPer"], "personalization_layers": [2]}  # fmt: skip
    config["multiverse"]["runs"].append(grid)
    config["multiverse"]["universes"]["elsewhere"] = {"datasets.cifar100.pixels": "unit"}
    check_config(config, "test")
    readings = measure_readings(config, write_runs(config, tmp_path, correct))
    elsewhere = readings[readings["reading"] == "elsewhere"]
    assert (elsewhere["fault"] == SAME).all()
    assert elsewhere["mean"].isna().all()
    counts = ["universes_planned", "universes_concerned", "universes_ran"]
    assert readings.loc[0, counts].tolist() == [3, 2, 2]
    assert "Change none of these runs: “elsewhere”." in describe_readings(readings) + "."


def test_what_is_missing_has_no_value_and_what_diverged_counts_as_guessing(config, tmp_path):
    universes_of = config["multiverse"]["universes"]
    universes_of["gone"] = {"optimiser.momentum": 0.5}
    universes_of["wild"] = {"optimiser.momentum": 0.6}
    universes_of["fewer"] = {"optimiser.momentum": 0.7}
    write_runs(config, tmp_path, correct)
    for k in (4, 10):
        for seed in range(4):
            for path in folders_of(config, tmp_path, "gone", "FedAvg", k, seed):
                shutil.rmtree(path)
    (path,) = folders_of(config, tmp_path, "wild", "FedPer", 10, 2)
    diverge(path, 2)
    (path,) = folders_of(config, tmp_path, "fewer", "FedPer", 4, 3)
    (path / "run.json").unlink()

    readings = measure_readings(config, tmp_path)
    for claim in ("C1", "C2", "C6"):
        found = row(readings, "gone", claim)
        assert (found["fault"], found["n_seeds"]) == ("missing", 0)
        assert np.isnan(found["mean"])
    # FedPer's 0.45 at k = 10 is 0.20, its clients' floor, in one of four seeds
    found = row(readings, "wild", "C2")
    assert (found["n_guesses"], found["n_missing"], found["n_seeds"]) == (1, 0, 4)
    assert found["mean"] == pytest.approx(0.20 + (0.45 - 0.20) / 4)
    assert row(readings, "wild", "C1")["mean"] == pytest.approx(0.25)
    found = row(readings, "fewer", "C1")
    assert (found["n_seeds"], found["n_planned"], found["fault"]) == (3, 4, "")
    assert found["mean"] == pytest.approx((0.3 + 0.2 + 0.4) / 3)
    words = describe_readings(readings)
    assert "Universes: 5 planned, 3 ran; 4 other tests" in words
    assert "Missing: “gone”" in words
    assert "Counted as guessing, because of runs that diverged: “wild” (C2)" in words
    assert "Fewer seeds than planned: “fewer”" in words
    assert "Stand-in data" in words


def test_a_test_loss_that_is_no_number_is_that_tests_fault_alone(config, tmp_path):
    write_runs(config, tmp_path, correct)
    (path,) = folders_of(config, tmp_path, "the authors' code", "FedPer", 4, 1)
    history = pd.read_csv(path / "history.csv")
    history.loc[(history["test"] == "end own") & (history["client"] == 1), "test_loss"] = np.inf
    history.to_csv(path / "history.csv", index=False)
    readings = measure_readings(config, tmp_path)
    guessing = readings[readings["n_guesses"] > 0]
    assert set(guessing["reading"]) == {"test: end own"}
    # one of the two clients has 0.20 and not 0.45 + 0.20 - 0.08, in one of four seeds
    assert row(readings, "test: end own", "C1")["mean"] == pytest.approx(0.17 - (0.57 - 0.2) / 8)


def test_one_model_at_a_time(config):
    config["models"]["resnet34"] = config["models"]["mobilenet_v1"]
    config["multiverse"]["runs"][0]["models"] = ["mobilenet_v1", "resnet34"]
    with pytest.raises(InputError, match=r"test: multiverse.runs: cifar10 has several models"):
        check_config(config, "test")


def test_nothing_that_ran_is_nothing_measured_and_all_of_it_is_named(config, tmp_path):
    readings = measure_readings(config, tmp_path)
    assert readings["mean"].isna().all()
    assert (readings["fault"] == "missing").all()
    assert readings.loc[0, "universes_ran"] == 0
    assert describe_readings(readings).count("“") == 6


def test_choices_come_from_the_settings_and_not_from_the_name(config):
    config["multiverse"]["universes"] = {
        "stem: imagenet": {},
        "partition: slots": {"datasets.cifar10.partition.rule": "balanced"},
    }
    config["datasets"]["cifar10"]["tests"]["others"] = []
    reference, other = readings_of(config)
    assert differing([reference.choices, other.choices]) == {"partition": ["slots", "balanced"]}
    assert (reference.choices["stem"], other.choices["stem"]) == ("cifar", "cifar")


CHANGES = {
    "datasets.cifar10.partition.rule": ("balanced", "partition", "balanced"),
    "datasets.cifar10.partition.test": (
        {"from": "official", "images_per_class": 40}, "test images", "official, 40 of a class",
    ),
    "datasets.cifar10.pixels": ("unit", "pixels", "unit"),
    "datasets.cifar10.augmentation": ("flip_and_crop", "augmentation", "flip and crop"),
    "datasets.cifar10.n_clients": (4, "n clients", "4"),
    "datasets.cifar10.local_epochs": (3, "method train", "3 of all"),
    "datasets.cifar10.tests.reference": (
        {"when": "end", "batchnorm": "test batch"}, "BatchNorm in tests", "test batch",
    ),
    "models.mobilenet_v1.stem": ("imagenet", "stem", "imagenet"),
    "models.mobilenet_v1.width": (0.25, "width", "0.25"),
    "initialisation.personal": ("independent", "initial personal parts", "independent"),
    "optimiser.momentum": (0.0, "momentum", "0"),
    "optimiser.state": ("carried", "optimiser's state", "carried"),
    "optimiser.weight_decay": (0.0005, "weight decay", "0.0005"),
}  # fmt: skip
"""A value for each path, and how the matrix shall write what it changes and its value."""


@given(st.sets(st.sampled_from(sorted(CHANGES)), min_size=1))
def test_the_matrix_has_just_the_rows_that_a_universe_changes(paths):
    config = tiny()
    config["datasets"]["cifar10"]["tests"]["others"] = []
    config["multiverse"]["universes"] = {
        "reference": {}, "other": {path: CHANGES[path][0] for path in paths},
    }  # fmt: skip
    shown = differing([reading.choices for reading in readings_of(config)])
    assert {name: values[1] for name, values in shown.items()} == {
        CHANGES[path][1]: CHANGES[path][2] for path in paths
    }


def test_a_scale_without_universes_or_without_their_runs_has_no_effects():
    config = tiny()
    config["multiverse"] = {"runs": [], "universes": {}}
    assert effects_of(config) == []
    config = tiny()
    config["multiverse"]["runs"][0]["methods"] = ["FedAvg", "LG-FedAvg"]
    assert effects_of(config) == []


def test_the_script_writes_picture_and_table_of_one_and_the_same(config, tmp_path):
    runs = write_runs(config, tmp_path / "runs", correct)
    out = tmp_path / "figures/multiverse"
    status = run_main(
        "draw_multiverse.py", "--config", json.dumps(config), "--runs", runs, "--note", "a note",
        "--out", out,
    )  # fmt: skip
    assert status == (0, "")
    assert out.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert out.with_suffix(".png").stat().st_size > 0
    table = pd.read_csv(out.with_suffix(".csv"))
    assert len(table) == 6 * 3
    assert table["universes_planned"].eq(2).all()
    assert CHOICE + "partition" in table

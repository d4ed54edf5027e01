"""The lines of the page to explore, against histories whose truth is known."""

import statistics

import pytest
from conftest import diverge
from fedper.errors import InputError
from fedper.explore.charts import BLACK, PALETTE, colours_of_lines
from fedper.explore.lines import MEAN, REFERENCE, lines_of_runs
from fedper.plan.experiments import all_runs
from fedper.plan.universes import universes
from readings_world import tiny, write_run, write_runs

OTHER = "our reading until now"
"""The other universe of the tiny configuration."""

TUNED = "end averaged (all tuned)"


def correct(universe, run, test):
    """FedAvg 30 and 50 of 100; FedPer 20 more, and 3 for each seed; a tuned test 7 more."""
    more = 20 + 3 * run.seed if run.method.name == "FedPer" else 0
    more += 7 if test == TUNED else 0
    return [30 + more, 50 + more]


@pytest.fixture
def config():
    """The tiny scale, with three seeds of its universes' runs."""
    made = tiny()
    made["multiverse"]["runs"][0]["seeds"] = [0, 1, 2]
    return made


@pytest.fixture
def folder(config, tmp_path):
    return write_runs(config, tmp_path, correct)


def find(lines, **values):
    return [line for line in lines if all(line[key] == value for key, value in values.items())]


def test_a_run_has_a_line_for_each_test_with_its_clients(config, folder):
    lines = lines_of_runs(config, folder)
    (line,) = find(lines, method="FedPer", universe=REFERENCE, seed="seed 2", reference=True)
    assert (line["accuracy"], line["clients"]) == ([0.66], [0.56, 0.76])
    assert line["floors"] == [0.2, 0.2]
    assert (line["low"], line["high"]) == (None, None)
    assert line["run"] in all_runs(config)
    tuned = find(lines, method="FedPer", universe=REFERENCE, seed="seed 2", test=TUNED)
    assert [(one["accuracy"], one["reference"]) for one in tuned] == [([0.73], False)]


def test_a_mean_is_over_the_seeds_of_one_setting(config, folder):
    lines = lines_of_runs(config, folder)
    for universe in (REFERENCE, OTHER):
        (line,) = find(lines, method="FedPer", universe=universe, seed=MEAN, reference=True)
        values = [0.60, 0.63, 0.66]
        mean, sd = statistics.mean(values), statistics.stdev(values)
        assert line["accuracy"] == pytest.approx([mean])
        assert (line["low"], line["high"]) == (
            pytest.approx([mean - sd]),
            pytest.approx([mean + sd]),
        )
        seeds = find(lines, group=line["group"])
        assert sorted(one["seed"] for one in seeds) == sorted([MEAN, "seed 0", "seed 1", "seed 2"])


def test_a_run_of_several_universes_is_the_references(config, folder):
    reference, other = universes(config)
    shared = {run.name for run in reference.runs} & {run.name for run in other.runs}
    lines = lines_of_runs(config, folder)
    assert all(line["universe"] == REFERENCE for line in lines if line["run"] in shared)
    assert {line["universe"] for line in lines} == {REFERENCE, OTHER}


def test_runs_that_are_missing_have_no_line_and_one_that_diverged_ends(config, folder):
    (last,) = find(lines_of_runs(config, folder), method="FedPer", seed="seed 2",
                   universe=REFERENCE, reference=True)  # fmt: skip
    diverge(folder / last["run"], round_=last["rounds"][-1])
    lines = lines_of_runs(config, folder)
    (line,) = find(lines, run=last["run"], reference=True)
    assert line["accuracy"] == [None]
    (mean,) = find(lines, group=line["group"], seed=MEAN)
    assert mean["accuracy"] == [None]
    assert len({one["run"] for one in lines if one["run"]}) == len(list(folder.iterdir()))
    assert len(list(folder.iterdir())) < len(all_runs(config))


def test_k_p_is_named_where_a_method_has_several(config, tmp_path):
    runs = all_runs(config).values()
    for run in runs:
        write_run(tmp_path / run.name, run, lambda test: [50, 50])
    names = {line["line"] for line in lines_of_runs(config, tmp_path)}
    depths = {run.method.personalization_layers for run in runs if run.method.name == "FedPer"}
    assert len(depths) > 1
    assert {"FedAvg", *(f"FedPer, K_P = {k_p}" for k_p in depths)} <= names


def test_a_broken_run_is_named(config, folder):
    broken = next(folder.iterdir())
    (broken / "history.csv").write_text("round\n1\n")
    with pytest.raises(InputError, match=broken.name):
        lines_of_runs(config, folder)


def test_colours_are_those_of_the_figures():
    lines = [
        {"line": line, "seed": "seed 0"}
        for line in ("local training", "FedPer, K_P = 2", "FedAvg", "FedPer, K_P = 1")
    ]
    colours = colours_of_lines(lines, ["line", "seed"])
    assert colours["FedAvg"] == BLACK
    assert [colours[f"FedPer, K_P = {k_p}"] for k_p in (1, 2)] == PALETTE[:2]
    assert colours["local training"] == PALETTE[2]

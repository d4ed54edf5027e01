"""The specification curve, with few readings and with many."""

from itertools import pairwise

import numpy as np
import pytest
from canvas import must_hold_its_texts, texts_of
from fedper.draw.specification import MARKERS, draw_specification
from fedper.judge.multiverse import describe_readings, measure_readings
from readings_world import tiny, with_many_readings, write_runs

NOTE = "CIFAR-10; scale test; models of width 1; 3 seeds"


def correct(universe, run, test):
    """Draw accuracies that differ by universe, test, method, k and seed."""
    key = (universe, run.method.name, run.classes_per_client, run.seed, test)
    generator = np.random.default_rng(list(repr(key).encode()))
    base = 70 if run.method.name == "FedPer" else 40
    drawn = base + generator.normal(0, 8) + generator.normal(0, 5, 10)
    return np.clip(drawn, 0, 100).astype(int).tolist()


def with_two_readings():
    config = tiny()
    config["datasets"]["cifar10"]["tests"]["others"] = []
    return config


@pytest.fixture(scope="module", params=[(with_two_readings, 2), (with_many_readings, 25)])
def drawn(request, tmp_path_factory):
    """Number of readings, the readings, and their figure."""
    make, n = request.param
    config, folder = make(), tmp_path_factory.mktemp("runs")
    readings = measure_readings(config, write_runs(config, folder, correct))
    figure = draw_specification(readings, f"{NOTE}. {describe_readings(readings)}")
    figure.draw_without_rendering()
    return n, readings, figure


def test_no_text_leaves_the_canvas_or_lies_over_another(drawn):
    _, _, figure = drawn
    assert len(texts_of(figure)) > 10
    must_hold_its_texts(figure)
    assert figure.get_size_inches()[0] == 7
    assert figure.get_size_inches()[1] < 9.8  # a page of the report, with a caption


def test_readings_stand_in_the_order_of_the_first_effect(drawn):
    n, readings, figure = drawn
    first = readings[readings["claim"] == "C1"].set_index("reading")["mean"]
    matrix = figure.axes[-1]
    names = [label.get_text() for label in matrix.get_xticklabels()]
    assert len(names) == n
    means = [
        line.get_ydata()[0] for line in figure.axes[0].lines
        if line.get_marker() in MARKERS.values()
    ]  # fmt: skip
    assert sorted(means) == pytest.approx(sorted(first))
    by_place = {
        line.get_xdata()[0]: line.get_ydata()[0] for line in figure.axes[0].lines
        if line.get_marker() in MARKERS.values()
    }  # fmt: skip
    assert all(by_place[x] <= by_place[y] for x, y in pairwise(range(n)))
    own = first["the authors' code"]
    assert by_place[names.index("the authors' code")] == own
    assert own in [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_ls() == "--"]


def test_the_matrix_has_one_dot_for_each_reading_and_choice(drawn):
    n, readings, figure = drawn
    choices = readings.filter(like="choice: ")
    matrix = figure.axes[-1]
    dots = [dot.get_offsets()[0] for dot in matrix.collections if dot.get_sizes()[0] > 5]
    labels = [label.get_text() for label in matrix.get_yticklabels()]
    assert len(labels) == sum(choices[name].nunique() for name in choices)
    assert len(dots) == n * choices.shape[1]
    for name in choices:
        starts = [at for at, label in enumerate(labels) if label.startswith(name[8:] + ": ")]
        rows = range(starts[0], starts[0] + choices[name].nunique())
        assert sorted(x for x, y in dots if y in rows) == list(range(n))


def test_markers_are_open_where_there_are_too_few_seeds(drawn):
    n, _, figure = drawn
    faces = {
        str(line.get_markerfacecolor()) for line in figure.axes[0].lines
        if line.get_marker() in MARKERS.values()
    }  # fmt: skip
    assert ("white" in faces) == (n == 2)
    words = " ".join(figure.get_supxlabel().split())
    assert ("Open: mean of fewer than 3 seeds." in words) == (n == 2)
    assert ("Bars: 95 % t interval over seeds, uncorrected." in words) == (n == 25)
    assert f"Universes: {n if n == 2 else n - 5} planned, " in words


def test_without_any_run_the_figure_says_so(tmp_path):
    readings = measure_readings(tiny(), tmp_path)
    figure = draw_specification(readings, f"{NOTE}. {describe_readings(readings)}")
    figure.draw_without_rendering()
    assert "Missing: “the authors' code”, “our reading until now”" in " ".join(
        figure.get_supxlabel().split()
    )

"""Figures and tables against histories whose truth is known."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import readings_world
from conftest import REPOSITORY, RUN, change, diverge, run_main, write_run
from fedper.data.make_partition import draw_by_class
from fedper.data.partition import ClientSamples, Partition
from fedper.draw.clients import draw_clients
from fedper.draw.communication import draw_communication
from fedper.draw.curves import draw_depths, draw_methods, draw_variants
from fedper.draw.figures import DRAWERS
from fedper.draw.partition_map import draw_partitions, draw_ratings
from fedper.draw.style import save_figure
from fedper.draw.ways_of_testing import draw_tests
from fedper.errors import InputError
from fedper.method import Test
from fedper.report.facts import gather_facts
from fedper.results.again import Again, compare, note
from fedper.results.faults import describe_faults, describe_machines
from fedper.results.histories import describe_run, read_clients, read_tests
from fedper.results.summary import (
    accuracy_and_traffic,
    final_accuracy,
    last_round,
    mean_over_clients,
    with_fine_tuned_fedavg,
)
from fedper.run import Phase, fingerprint
from PIL import Image


def test_the_curves_are_tidy_and_average_over_clients(folders):
    curves = mean_over_clients(read_clients(folders))
    assert list(curves.columns) == [
        "dataset", "model", "method", "classes_per_client", "personalization_layers",
        "settings", "seed", "test", "reference", "round", "accuracy", "floor",
    ]  # fmt: skip
    assert len(curves) == 16 * 2
    assert set(curves["method"]) == {"FedAvg", "FedPer"}
    one = curves.query(
        "model == 'resnet34' and method == 'FedPer' and classes_per_client == 4 and seed == 1"
    )
    assert one["accuracy"].tolist() == pytest.approx([0.1, 0.8])


def test_clients_count_once_however_many_samples_they_have(tmp_path):
    folder = write_run(tmp_path / "run", RUN, [(5, 5)])
    history = pd.read_csv(folder / "history.csv")
    history["samples"] = [10, 1000]
    history["correct"] = [10, 0]
    history.to_csv(folder / "history.csv", index=False)
    assert mean_over_clients(read_clients([folder]))["accuracy"].tolist() == [0.5]


def test_the_last_round_is_reported_and_not_the_best(tmp_path):
    folder = write_run(tmp_path / "run", RUN, [(10, 10), (3, 3)])
    table = final_accuracy(read_clients([folder]))
    assert table["accuracy_mean"].item() == pytest.approx(0.3)
    assert np.isnan(table["accuracy_sd"].item())
    assert last_round(read_clients([folder]))["round"].tolist() == [2, 2]


@pytest.mark.parametrize("draw", [draw_methods, draw_depths])
def test_figures_have_a_panel_a_model_a_line_a_key_and_say_what_they_show(folders, draw):
    curves = mean_over_clients(read_clients(folders))
    if draw is draw_depths:
        curves = curves[curves["classes_per_client"] == 4]
    figure = draw(curves, "CIFAR-10; scale test; 2 seeds")
    assert [ax.get_title() for ax in figure.axes] == ["(a) MobileNet-v1", "(b) ResNet-34"]
    for ax in figure.axes:
        assert ax.get_ylabel() == "test accuracy"
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        ends = {line.get_label(): line.get_ydata()[-1] for line in ax.lines}
        assert [ends[label] for label in labels] == sorted(ends.values(), reverse=True)
        assert [label.startswith("FedPer") for label in labels] == sorted(
            (label.startswith("FedPer") for label in labels), reverse=True
        )
        for line in ax.lines:
            assert line.is_dashed() == line.get_label().startswith("FedAvg")
    words = figure.get_supxlabel().replace("\n", " ")
    assert ("k = 4" if draw is draw_depths else "FedPer: $K_P$ = 2") in words
    assert "CIFAR-10; scale test; 2 seeds" in words
    assert "± 1 sd over 2 seeds" in words


def test_a_single_seed_has_no_band(folders):
    curves = mean_over_clients(read_clients(folders[::2]))
    figure = draw_methods(curves, "note")
    assert "sd" not in figure.get_supxlabel()
    assert not [c for ax in figure.axes for c in ax.collections]


def test_figures_come_out_byte_identical(folders, tmp_path):
    curves = mean_over_clients(read_clients(folders))
    for name in ("one", "two"):
        save_figure(draw_methods(curves, "note"), tmp_path / name)
    for suffix in ("pdf", "png"):
        one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two
    with Image.open(tmp_path / "one.png") as image:
        assert image.width == pytest.approx(3.5 * 300, abs=1)


@pytest.fixture
def mixed(tmp_path):
    """FedAvg and FedPer on two data sets, one with clients that are workers; and the variants."""
    made = []
    digits = {"source": "digits"}
    settings = [
        {"stand_in": digits, "personalization_layers": 0},
        {"stand_in": digits},
        {"dataset": "flickr_aes", "classes_per_client": None, "personalization_layers": 0},
        {"dataset": "flickr_aes", "classes_per_client": None},
        {"stand_in": digits, "name": "FedPer linear base", "base": "linear"},
        {"stand_in": digits, "name": "FedPer fine-tuned", "new_base": (Phase("personal", 1),)},
        {"stand_in": digits, "name": "local training", "personalization_layers": 18},
    ]
    for number, changes in enumerate(settings):
        run = change(RUN, **changes)
        folder = write_run(tmp_path / run.name, run, [(1, 2), (3 + number, 2 + number)])
        made.append(folder)
    return made


def test_the_figure_of_variants_names_each_and_panels_are_data_sets(mixed):
    curves = mean_over_clients(read_clients(mixed))
    figure = draw_variants(curves[curves["dataset"] != "flickr_aes"], "note")
    labels = {text.get_text() for text in figure.axes[0].get_legend().get_texts()}
    assert labels == {
        "FedAvg", "FedPer", "FedPer linear base", "FedPer fine-tuned", "local training",
    }  # fmt: skip
    both = draw_variants(curves, "note")
    assert [ax.get_title() for ax in both.axes] == [
        "(a) stand-in for CIFAR-10, ResNet-34",
        "(b) FLICKR-AES, ResNet-34",
    ]


def test_every_further_method_has_a_look_of_its_own(tmp_path):
    methods = ["FedAvg", "FedPer", "FedRep", "LG-FedAvg", *(f"method {n}" for n in range(16))]
    folders = [
        write_run(tmp_path / name, change(RUN, name=name), [(place, place)])
        for place, name in enumerate(methods)
    ]
    clients = read_clients(folders).assign(accuracy=lambda frame: frame["correct"] / 20)
    figure = draw_variants(mean_over_clients(clients), "note")
    looks = {
        line.get_label(): (line.get_color(), line.get_marker(), line.get_linestyle())
        for line in figure.axes[0].lines
    }
    assert set(looks) == set(methods)
    assert len(set(looks.values())) == len(methods)
    assert looks["FedAvg"][2] == "--"
    assert "FedPer, FedRep, LG-FedAvg" in figure.get_supxlabel().replace("\n", " ")


def test_workers_have_no_k_in_figures_and_tables_but_are_not_lost(mixed):
    clients = read_clients(mixed[2:4])
    figure = draw_methods(mean_over_clients(clients), "note")
    labels = {text.get_text() for text in figure.axes[0].get_legend().get_texts()}
    assert labels == {"FedAvg", "FedPer"}
    table = final_accuracy(clients)
    assert table["accuracy_mean"].tolist() == pytest.approx([0.45, 0.55])
    assert table["classes_per_client"].isna().all()


def test_every_client_is_a_dot_and_the_worst_is_named(mixed):
    last = last_round(read_clients(mixed[:4]))
    figure = draw_clients(last, "note")
    assert [ax.get_title() for ax in figure.axes[:2]] == [
        "(a) stand-in for CIFAR-10, ResNet-34",
        "(b) FLICKR-AES, ResNet-34",
    ]
    dots = [len(c.get_offsets()) for c in figure.axes[0].collections if len(c.get_offsets()) > 0]
    assert sum(dots) >= 4
    assert all(ax.get_xticklabels()[1].get_text() == "FedPer" for ax in figure.axes[:2])
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["worst 0.20\n(n = 10)", "worst 0.30\n(n = 10)"]


def test_traffic_adds_up_over_clients_and_rounds(mixed):
    rounds = accuracy_and_traffic(read_clients(mixed[:2]))
    # two clients, 3 MB each a round
    assert rounds["megabytes"].tolist() == [6, 12, 6, 12]
    assert rounds["accuracy"].tolist() == pytest.approx([0.15, 0.25, 0.15, 0.35])
    figure = draw_communication(rounds, "note")
    ends = {line.get_label(): line.get_xdata()[-1] for line in figure.axes[0].lines}
    assert ends == {"FedAvg": 12, "FedPer": 12}


def test_the_figure_of_ratings_shows_counts_and_shares():
    labels = np.array([0, 0, 1, 4, 4, 4])
    clients = [ClientSamples([0, 1], [0, 1, 2], [0]), ClientSamples([4], [3, 4, 5], [5])]
    figure = draw_ratings(Partition(0, None, False, clients), labels, labels, 5, "note")
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert widths == [3, 3, 1, 1]
    shares = np.asarray(figure.axes[1].collections[0].get_array()).reshape(2, 5)
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0, 0, 0], [0, 0, 0, 0, 1]])


def test_the_partition_figure_shows_the_counts():
    labels = np.repeat(np.arange(10), 40)
    settings = {
        "rule": "balanced", "images_per_class": 40,
        "test": {"from": "official", "images_per_class": 40},
    }  # fmt: skip
    partition = draw_by_class(labels, labels, 10, settings, 10, 4, 0)
    figure = draw_partitions([partition], labels, "note")
    shown = figure.axes[0].collections[0].get_array()
    assert shown.sum() == 400
    assert set(shown.compressed().tolist()) == {10}


def test_a_stand_in_never_goes_by_the_name_of_the_data_set(tmp_path):
    run = change(RUN, stand_in={"source": "digits"})
    clients = read_clients([write_run(tmp_path / "run", run, [(1, 1)])])
    assert set(clients["dataset"]) == {"digits (stand-in for cifar10)"}


def test_an_unfinished_run_is_refused_by_name(tmp_path):
    folder = write_run(tmp_path / "run", RUN, [(1, 1)])
    (folder / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run/run\.json: not readable .*; train it again"):
        read_clients([folder])


def rewrite_settings(folder, edit):
    about = json.loads((folder / "run.json").read_text())
    edit(about["run"])
    about["name"] = f"renamed-{fingerprint(about['run'])}"
    (folder / "run.json").write_text(json.dumps(about))


def test_a_history_stays_readable_when_a_run_gets_settings_or_loses_some(tmp_path):
    folder = write_run(tmp_path / "run", RUN, [(1, 2), (3, 4)])
    before = read_clients([folder])

    def edit(settings):
        settings.update(pixels="half", test={"images": "own"})
        settings["method"].update(aggregation="mean")
        for name in ("momentum", "samples", "stem", "augmentation", "n_clients", "width"):
            del settings[name]
        del settings["method"]["base"]

    rewrite_settings(folder, edit)
    pd.testing.assert_frame_equal(read_clients([folder]), before)


@pytest.mark.parametrize("name", ["rounds", "seed", "method", "learning_rate"])
def test_a_history_without_what_tables_need_is_refused(tmp_path, name):
    folder = write_run(tmp_path / "run", RUN, [(1, 1)])
    rewrite_settings(folder, lambda settings: settings.pop(name))
    with pytest.raises(InputError, match=f"run: not a finished run .'{name}'.; train it again"):
        read_clients([folder])


def test_settings_say_the_epochs_of_every_phase():
    usual = describe_run(change(RUN, local_epochs=4))["settings"]
    assert usual == "2 rounds, e = 4, b = 4, η = 0.02"
    two = change(RUN, name="FedRep", train=(Phase("personal", 3), Phase("base", 1)))
    assert describe_run(two)["settings"] == "2 rounds, e = 3 + 1, b = 4, η = 0.02"


def test_a_diverged_run_has_no_accuracy_from_then_on_at_no_client(tmp_path):
    folder = write_run(tmp_path / "run", RUN, [(5, 5), (6, 6), (7, 7)])
    diverge(folder, 2, client=1)
    accuracy = read_clients([folder])["accuracy"]
    assert accuracy[:2].tolist() == [0.5, 0.5]
    assert accuracy[2:].isna().all()


def test_faults_are_named_and_nothing_else_is(tmp_path):
    good = write_run(tmp_path / "good", change(RUN, seed=1), [(5, 5), (6, 6)])
    bad = write_run(tmp_path / "bad", RUN, [(5, 5), (6, 6)])
    diverge(bad, 2)
    gone = describe_run(change(RUN, personalization_layers=0, rounds=2))
    assert describe_faults(read_clients([good])) == ""
    assert describe_faults(read_clients([good, bad], [gone])) == (
        "diverged in round 2: CIFAR-10, ResNet-34, FedPer, k = 4, K_P = 2, seed 7; "
        "missing: CIFAR-10, ResNet-34, FedAvg, k = 4, K_P = 0, seed 7"
    )


def test_many_faults_are_counted_not_named():
    gone = [describe_run(change(RUN, seed=seed)) for seed in range(5)]
    assert describe_faults(read_clients([], gone)) == "5 of 5 runs are missing, see Table 1"


def test_runs_of_several_machines_are_named_in_figures_tables_claims_and_facts(tmp_path):
    seeds = range(5)
    made = [write_run(tmp_path / f"{s}", change(RUN, seed=s), [(5, 5), (6, 6)]) for s in seeds]
    assert describe_machines(made) == ""
    machines = [{"from_round": 1, "device": "cpu: a"}, {"from_round": 2, "device": "cuda: b"}]
    moved = "continued on another machine"
    for n, folder in enumerate(made):
        about = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**about, "machines": machines}))
        if n == 0:
            name = "CIFAR-10, ResNet-34, FedPer, k = 4, K_P = 2, seed 0"
            assert describe_machines(made) == f"{moved}: {name} (2 machines)"
            devices = gather_facts(read_clients(made), made)["devices"]
            assert {"value": "cpu: a, then cuda: b from round 2", "n_runs": 1} in devices
            status = run_main("make_table.py", 1, "--runs", *made, "--note", "Note",
                              "--known", REPOSITORY / "paper/results.yaml",
                              "--out", tmp_path / "table")  # fmt: skip
            assert status == (0, "")
            assert f"Note. Continued on another machine: {name}" in (
                tmp_path / "table.md"
            ).read_text(encoding="utf-8")
    assert describe_machines(made) == f"5 of 5 runs {moved}, see their run.json"


def test_figures_without_any_run_are_drawn_empty():
    gone = [describe_run(change(RUN, personalization_layers=k_p)) for k_p in (0, 2)]
    clients = read_clients([], gone)
    for draw in (draw_methods, draw_depths, draw_variants):
        assert draw(mean_over_clients(clients), "note").axes
    assert draw_clients(last_round(clients), "note").axes
    assert draw_communication(accuracy_and_traffic(clients), "note").axes


def test_runs_that_cannot_be_told_apart_are_refused(tmp_path):
    made = [write_run(tmp_path / str(n), change(RUN, width=w), [(1, 1)])
            for n, w in enumerate((0.5, 1.0))]  # fmt: skip
    with pytest.raises(InputError, match="two runs cannot be told apart"):
        read_clients(made)


def test_a_history_that_ends_early_without_a_reason_is_refused(tmp_path):
    folder = write_run(tmp_path / "run", RUN, [(1, 1), (2, 2)])
    history = pd.read_csv(folder / "history.csv")
    history[history["round"] == 1].to_csv(folder / "history.csv", index=False)
    with pytest.raises(InputError, match=r"history.csv: ends at round 1 of 2; train it again"):
        read_clients([folder])


@pytest.mark.parametrize("draw", [draw_methods, draw_depths, draw_variants])
def test_figures_of_runs_that_are_gone_say_so_and_draw_the_rest(tmp_path, draw):
    folder = write_run(tmp_path / "run", RUN, [(5, 5), (6, 6)])
    gone = describe_run(change(RUN, personalization_layers=0, rounds=2))
    figure = draw(mean_over_clients(read_clients([folder], [gone])), "note")
    (ax,) = figure.axes
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.endswith(": no value") for label in labels] == [False, True]
    assert [len(line.get_xdata()) for line in ax.lines] == [2, 0]
    # a float would be a share of the axes, and most markers would go
    assert isinstance(ax.lines[0].get_markevery(), int)


def test_the_further_figures_do_without_a_run_that_is_gone(tmp_path):
    folder = write_run(tmp_path / "run", RUN, [(5, 5), (6, 6)])
    gone = describe_run(change(RUN, personalization_layers=0, rounds=2))
    clients = read_clients([folder], [gone])
    dots = draw_clients(last_round(clients), "note")
    assert "no value" in [text.get_text() for text in dots.axes[0].texts]
    traffic = draw_communication(accuracy_and_traffic(clients), "note")
    assert sorted(len(line.get_xdata()) for line in traffic.axes[0].lines) == [0, 2]


def test_lines_with_different_numbers_of_seeds_say_so(folders):
    curves = mean_over_clients(read_clients(folders))
    fewer = curves[(curves["method"] == "FedPer") | (curves["seed"] == 0)]
    words = draw_methods(fewer, "note").get_supxlabel().replace("\n", " ")
    assert "± 1 sd over 2 seeds, where there are several." in words


def test_the_figure_of_tests_has_a_line_for_each_test_and_method(folders):
    for folder in folders:
        history = pd.read_csv(folder / "history.csv")
        both = [history.assign(test=name) for name in ("end reestimated", "before averaged")]
        pd.concat(both).to_csv(folder / "history.csv", index=False)
    at_low_k = [folder for folder in folders if "-k4-" in folder.name]
    figure = draw_tests(mean_over_clients(read_tests(at_low_k)), "note")
    assert len(figure.axes) == 2
    for ax in figure.axes:
        labels = {line.get_label() for line in ax.lines if len(line.get_xdata())}
        assert labels == {
            f"{method}, {test}"
            for method in ("FedAvg", "FedPer")
            for test in ("end reestimated", "before averaged")
        }
    assert "Reference: end reestimated." in figure.get_supxlabel()


def test_fine_tuned_fedavg_is_a_test_of_the_runs_of_fedavg_after_their_reference(tmp_path):
    tuned = Test("end", "own", train=(Phase("all", 1),))
    tests = (Test("end", "own"), Test("end", "averaged"), tuned)
    for k_p, name in ((0, "fedavg"), (2, "fedper")):
        run = change(RUN, personalization_layers=k_p, tests=tests, rounds=2)
        readings_world.write_run(tmp_path / name, run, lambda test: [10 * len(test)] * 2)
    gone = [describe_run(change(RUN, personalization_layers=k_p, seed=99)) for k_p in (0, 2)]
    made = [tmp_path / "fedavg", tmp_path / "fedper"]
    rows = with_fine_tuned_fedavg(read_tests(made, gone))
    there = rows[rows["fault"] == ""].groupby(["method", "test"])["client"].nunique()
    assert there.to_dict() == {
        ("FedAvg", "end own"): 2, ("FedPer", "end own"): 2,
        ("FedAvg fine-tuned", "end own (all tuned)"): 2,
    }  # fmt: skip
    lost = rows[rows["fault"] == "missing"]["method"].tolist()
    assert sorted(lost) == ["FedAvg", "FedAvg fine-tuned", "FedPer"]
    figure = draw_variants(mean_over_clients(rows[rows["seed"] != 99]), "note")
    drawn = {line.get_label() for line in figure.axes[0].lines}
    assert {"FedAvg", "FedPer", "FedAvg fine-tuned"} <= drawn


@pytest.mark.parametrize("kind", DRAWERS)
def test_a_figure_of_which_every_run_is_missing_is_drawn_and_names_them(kind, tmp_path):
    gone = [describe_run(change(RUN, personalization_layers=k_p)) for k_p in (0, 2)]
    out, asked = tmp_path / kind, tmp_path / "asked.json"
    asked.write_text(json.dumps({"folders": [], "missing": gone}))
    assert run_main(
        "draw_figure.py", kind, "--runs", asked, "--note", "Note", "--out", out
    ) == (0, "")  # fmt: skip
    assert out.with_suffix(".png").stat().st_size > 0
    assert set(pd.read_csv(out.with_suffix(".csv"))["method"]) >= {"FedAvg", "FedPer"}


def test_two_trainings_of_a_run_are_compared_by_bytes_and_by_the_last_round(tmp_path):
    there, here = (
        write_run(tmp_path / name / RUN.name, RUN, correct)
        for name, correct in (("there", [(1, 2), (4, 6)]), ("here", [(1, 2), (4, 7)]))
    )
    about = json.loads((here / "run.json").read_text())
    machine = {"device": "cpu: other", "versions": {"torch": "2.14.0"}}
    (here / "run.json").write_text(json.dumps(about | {"machines": [about, machine, about]}))
    found = compare("s", there, here)
    assert found == Again(
        "s", RUN.name, "cpu: test, torch 2.15.0",
        "cpu: test, torch 2.15.0 / cpu: other, torch 2.14.0", False, 0.5, 0.55,
    )  # fmt: skip
    assert compare("s", there, there).same_bytes
    table = tmp_path / "again.csv"
    for one in (found, replace(found, run="another"), replace(found, accuracy_here=0.75)):
        note(one, table)
    rows = pd.read_csv(table)
    assert list(rows["run"]) == sorted(["another", RUN.name])
    assert rows.set_index("run").loc[RUN.name, "accuracy_here"] == 0.75
    table.write_text("run\nx\n")
    with pytest.raises(InputError, match=r"again.csv: not the columns scale, run, "):
        note(found, table)
    assert table.read_text() == "run\nx\n"

"""Tables against numbers by hand, and against the configuration."""

import json
import re

import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, RUN, change, diverge, run_main, write_run
from fedper.errors import InputError
from fedper.names import DATASETS
from fedper.plan.yaml_files import read_yaml
from fedper.report.published import table4
from fedper.report.readme import write_keys
from fedper.report.settings import IN_THE_CODE, WORDS, table3
from fedper.report.table_files import write_table
from fedper.report.tables import table1, table2
from fedper.report.tests_table import table5
from fedper.results.histories import describe_run, read_clients, read_tests
from fedper.results.summary import final_accuracy

REFERENCE = read_yaml(REPOSITORY / "paper/settings.yaml")
KNOWN = read_yaml(REPOSITORY / "paper/results.yaml")
FIGURES = read_yaml(REPOSITORY / "paper/figures.yaml")
SOURCES = {"paper", "authors' code", "public replication", "assumption", "ours"}


def test_table_1_against_numbers_by_hand(folders):
    table = final_accuracy(read_clients(folders))
    assert len(table) == 8
    row = table.query("model == 'resnet34' and method == 'FedPer' and classes_per_client == 4")
    # seed 0: clients 0.8 and 1.0; seed 1: clients 0.7 and 0.9
    assert row["accuracy_mean"].item() == pytest.approx(0.85)
    assert row["accuracy_sd"].item() == pytest.approx(0.05 * 2**0.5)
    assert row["client_sd"].item() == pytest.approx(0.1 * 2**0.5)
    assert row["client_min"].item() == pytest.approx(0.7)
    assert row["n_seeds"].item() == 2
    assert row["round"].item() == 2


def test_a_diverged_and_a_missing_run_are_in_table_1_and_not_in_its_means(tmp_path):
    made = [write_run(tmp_path / str(s), change(RUN, seed=s), [(5, 7)]) for s in (0, 1)]
    diverge(made[1], 1)
    alone = write_run(tmp_path / "alone", change(RUN, model="mobilenet_v1"), [(5, 7)])
    diverge(alone, 1)
    gone = [describe_run(change(RUN, seed=s, rounds=1)) for s in (2, 3)]
    table = table1(read_clients([*made, alone], gone))
    accuracy = dict(zip(table.shown["model"], table.shown["accuracy"], strict=True))
    assert accuracy == {
        "ResNet-34": "0.600 (2 of 4 missing, 1 of 4 diverged)",
        "MobileNet-v1": "diverged",
    }
    counts = table.frame.set_index("model").loc["resnet34"]
    assert counts[["n_seeds", "n_missing", "n_diverged"]].tolist() == [4, 2, 1]
    assert table.frame["accuracy_mean"].isna().tolist() == [True, False]


def test_table_2_has_a_column_a_depth_over_the_seeds_that_all_depths_have(tmp_path):
    made = []
    for k_p, value in ((0, 2), (1, 6), (2, 8)):
        for seed in (0, 1) if k_p < 2 else (0,):
            run = change(RUN, personalization_layers=k_p, seed=seed)
            made.append(write_run(tmp_path / run.name, run, [(value + seed, value + seed)]))
    other = change(RUN, classes_per_client=10)  # with one depth: not in this table
    made.append(write_run(tmp_path / other.name, other, [(1, 1)]))
    shown = table2(read_clients(made)).shown
    assert shown.to_dict("records") == [
        {"data set": "CIFAR-10", "model": "ResNet-34", "k": "4", "seeds": 1,
         "FedAvg": "0.200", "K_P = 1": "0.600", "K_P = 2": "0.800"}
    ]  # fmt: skip


def test_table_2_has_the_data_sets_in_the_order_of_the_paper_stand_ins_too(tmp_path):
    made = []
    names = {"flickr_aes": "simulated", "cifar100": "coloured_digits", "cifar10": "digits"}
    for dataset, source in names.items():
        for k_p in (1, 2):
            run = change(RUN, dataset=dataset, personalization_layers=k_p)
            run = change(run, stand_in={"source": source})
            made.append(write_run(tmp_path / run.name, run, [(2, 2)]))
    shown = table2(read_clients(made)).shown
    assert shown["data set"].tolist() == [
        f"stand-in for {name}" for name in ("CIFAR-10", "CIFAR-100", "FLICKR-AES")
    ]


def test_runs_with_other_settings_are_not_averaged_together(tmp_path):
    made = [
        write_run(tmp_path / str(rate), change(RUN, learning_rate=rate), [(value, value)])
        for rate, value in ((0.01, 2), (0.1, 8))
    ]
    table = table1(read_clients(made))
    assert table.frame["accuracy_mean"].tolist() == pytest.approx([0.2, 0.8])
    assert table.frame["n_seeds"].tolist() == [1, 1]
    assert [words.split("η")[1] for words in table.shown["data set"]] == [" = 0.01", " = 0.1"]


def test_every_setting_of_the_paper_scale_is_the_reference_and_others_are_deviations():
    paper, quick = (
        yaml.safe_load((REPOSITORY / f"config/{scale}.yaml").read_text())
        for scale in ("paper", "quick")
    )
    assert "deviation" not in set(table3(paper, REFERENCE, FIGURES).frame["source"])
    rows = table3(quick, REFERENCE, FIGURES).frame.set_index(["setting", "of"])
    assert rows.loc[("stand-in", "CIFAR-10"), "source"] == "deviation"
    assert rows.loc[("stand-in", "CIFAR-10"), "ours"] == "digits"
    assert rows.loc[("precision", "all"), "source"] == "deviation"
    assert rows.loc[("start of W_B", "all"), "source"] == "assumption"


def keys_of(settings: dict, path: str = "") -> set[str]:
    """List the keys of a configuration, with a * where people choose a name or list entries."""
    if path in ("datasets", "models", "methods", "figures", "figures.*.runs"):
        below = settings.values() if isinstance(settings, dict) else settings
        return {path}.union(*(keys_of(own, f"{path}.*") for own in below))
    if not isinstance(settings, dict) or path in ("figures.*.set", "multiverse.universes"):
        return {path}
    at = f"{path}." if path else ""
    return {path}.union(*(keys_of(own, at + name) for name, own in settings.items()))


@pytest.mark.parametrize("scale", ["paper", "cpu", "quick"])
def test_settings_yaml_knows_every_key_of_a_configuration_and_no_other(scale):
    config = read_yaml(REPOSITORY / f"config/{scale}.yaml")
    known = {entry["key"] for entry in REFERENCE["settings"]}
    found = keys_of(config)
    sections = {key for key in found if any(k.startswith(f"{key}.") for k in found)}
    assert found - sections - {""} <= known
    if scale == "quick":
        config["figures"]["figure2"]["set"] = {"rounds": 3}
        config["figures"]["figure2"]["runs"][0]["seeds"] = [0]
        config["datasets"]["cifar10"]["partition"]["test"]["fraction"] = 0.1
        assert keys_of(config) & known == known - {IN_THE_CODE}


def test_every_setting_that_decides_a_result_says_its_value_and_what_each_source_says():
    """The value of the paper's scale is the reference; a stand-in and what runs on are none."""
    config = read_yaml(REPOSITORY / "config/paper.yaml")
    for entry in [*REFERENCE["settings"], *REFERENCE["figures"].values()]:
        if "value" in entry:
            assert entry.keys() >= set(WORDS), entry["setting"]
        elif "key" in entry:
            assert re.match(
                r"scale|compute|figures|multi|.*title|.*sources|.*stand_in\.", entry["key"]
            )
            assert "source" not in entry
        sources = entry.get("source", "ours")
        assert set(sources.values() if isinstance(sources, dict) else [sources]) <= SOURCES
    rows = table3(config, REFERENCE, FIGURES).frame
    for name, data in config["datasets"].items():
        here = rows[rows["of"] == DATASETS[name].title]["setting"]
        assert len(here) == here.nunique() == n_values(data) - len(["title", "sources"])


def n_values(settings: object) -> int:
    """Count the values in a mapping of mappings."""
    return sum(map(n_values, settings.values())) if isinstance(settings, dict) else 1


def test_sources_stand_beside_a_setting_and_a_further_method_is_ours():
    config = read_yaml(REPOSITORY / "tests/tiny.yaml")
    rows = table3(config, REFERENCE, FIGURES).frame.set_index(["setting", "of"])
    momentum = rows.loc[("momentum", "all")]
    assert (momentum["source"], momentum["paper"]) == ("authors' code", "")
    assert momentum["authors_code"].startswith("0.9")
    assert rows.loc[("local training", "FedRep"), "ours"] == (
        "personal layers, 2 epochs, base layers, 1 epoch"
    )
    assert rows.loc[("where personal layers are", "LG-FedAvg"), "ours"] == "first"
    assert set(rows.xs("FedRep", level="of")["source"]) == {"ours"}
    assert rows.loc[("runs", "Figure S6"), "source"] == "ours"
    assert rows.loc[("training when the new base is there", "FedPer fine-tuned"), "source"] == (
        "paper"
    )


def test_a_method_that_is_changed_is_a_deviation():
    config = read_yaml(REPOSITORY / "config/paper.yaml")
    config["methods"]["FedPer"]["train"] = [{"layers": "personal", "epochs": "local"}]
    frame = table3(config, REFERENCE, FIGURES).frame
    (row,) = frame[frame["source"] == "deviation"].to_dict("records")
    assert (row["of"], row["ours"]) == ("FedPer", "personal layers, e epochs")
    assert row["reference"] == "all layers, e epochs"


def test_the_readme_of_the_configuration_is_what_settings_yaml_says(tmp_path):
    committed = (REPOSITORY / "config/README.md").read_text()
    path = tmp_path / "README.md"
    before, _, after = re.split("(?<=begin -->)|(?=<!-- settings: end)", committed)
    path.write_text(f"{before}\nold rows\n{after}")
    reference = REPOSITORY / "paper/settings.yaml"
    status = run_main("describe_settings.py", "--reference", reference, "--readme", path)
    assert status == (0, "")
    assert path.read_text() == committed


def test_keys_are_written_with_value_and_source_by_name_where_names_differ():
    entry = {
        "key": "datasets.*.n_clients", "setting": "clients N", "means": "how many",
        "value": {"cifar10": 10, "flickr_aes": 30},
        "source": {"cifar10": "paper", "flickr_aes": "ours"},
    }  # fmt: skip
    marks = "a\n<!-- settings: begin -->\n<!-- settings: end -->\nb"
    assert write_keys(marks, {"settings": [entry]}).splitlines()[4] == (
        "| `datasets.*.n_clients` | clients N: how many | 10 (CIFAR-10); 30 (FLICKR-AES) | "
        "paper (CIFAR-10); ours (FLICKR-AES) |"
    )
    with pytest.raises(InputError, match="settings: begin"):
        write_keys("no marks", {"settings": [entry]})


def test_a_figures_own_setting_is_a_deviation_of_that_figure():
    config = yaml.safe_load((REPOSITORY / "config/paper.yaml").read_text())
    config["figures"]["figure4"]["set"] = {"learning_rate": 0.1}
    frame = table3(config, REFERENCE, FIGURES).frame
    (row,) = frame[frame["source"] == "deviation"].to_dict("records")
    assert (row["of"], row["ours"], row["reference"]) == ("Figure 4 alone", "0.1", "0.01")


def test_runs_that_a_figure_leaves_out_are_a_deviation_and_their_order_is_none():
    config = yaml.safe_load((REPOSITORY / "config/paper.yaml").read_text())
    config["figures"]["figure2"]["runs"][0]["classes_per_client"] = [10, 8, 4]
    assert "deviation" not in set(table3(config, REFERENCE, FIGURES).frame["source"])
    (grid,) = config["figures"]["figure2"]["runs"]
    only_low = {**grid, "models": ["resnet34"], "classes_per_client": [4]}
    config["figures"]["figure2"]["runs"] = [{**grid, "models": ["mobilenet_v1"]}, only_low]
    (row,) = (
        table3(config, REFERENCE, FIGURES).frame.query("source == 'deviation'").to_dict("records")
    )
    assert row["of"] == "Figure 2"
    assert row["ours"] == (
        "CIFAR-10; MobileNet-v1; k = 10, 8, 4; FedAvg, FedPer; K_P = 2 | "
        "CIFAR-10; ResNet-34; k = 4; FedAvg, FedPer; K_P = 2"
    )


def test_table_4_subtracts_theirs_and_nothing_where_ours_is_a_stand_in(tmp_path):
    run = change(RUN, model="mobilenet_v1")
    real = write_run(tmp_path / "real", run, [(8, 6)])
    stand_in = write_run(tmp_path / "s", change(run, stand_in={"source": "digits"}), [(8, 6)])
    (entry,) = (
        known for known in KNOWN
        if (known["figure"], known["model"], known["personalization_layers"])
        == ("2", "mobilenet_v1", 2)
    )  # fmt: skip
    row = table4(read_clients([real]), [entry]).shown.iloc[0]
    assert (row["ours"], row["ours - paper"], row["ours - replication"]) == (
        "0.700", "-0.20 to -0.15", "-0.21",
    )  # fmt: skip
    row = table4(read_clients([stand_in]), [entry]).shown.iloc[0]
    assert (row["ours on"], row["ours"]) == ("stand-in for CIFAR-10", "0.700")
    assert (row["ours - paper"], row["ours - replication"]) == ("-", "-")
    gone = [describe_run(change(run, seed=seed, rounds=1)) for seed in (8, 9)]
    row = table4(read_clients([real], gone), [entry]).shown.iloc[0]
    assert row["ours"] == "0.700 (2 of 3 missing)"
    lacking = table4(read_clients([real]), [{**entry, "classes_per_client": 8}]).shown.iloc[0]
    assert lacking["ours"] == "not run"


def test_a_table_is_written_for_every_reader_with_its_data_and_scale(folders, tmp_path):
    table = table1(read_clients(folders))
    write_table(table, "CIFAR-10, 30 % of it; scale test; 2 seeds", tmp_path / "table1")
    read = pd.read_csv(tmp_path / "table1.csv")
    pd.testing.assert_frame_equal(read, table.frame, check_dtype=False)
    markdown, latex, page = (
        (tmp_path / f"table1.{suffix}").read_text() for suffix in ("md", "tex", "html")
    )
    content = json.loads((tmp_path / "table1.json").read_text())
    for text in (markdown, page, content["caption"]):
        assert "CIFAR-10, 30 % of it; scale test; 2 seeds" in text
    assert r"CIFAR-10, 30 \% of it; scale test; 2 seeds" in latex
    for text in (markdown, latex, page, json.dumps(content["rows"], ensure_ascii=False)):
        assert "0.850 ± 0.071" in text
    assert r"\toprule" in latex
    assert "$K_P$" in latex
    assert "%" not in re.sub(r"(?m)^%.*$", "", latex).replace(r"\%", "")
    assert {len(row) for row in content["rows"]} == {len(content["columns"])}


def test_latex_of_every_setting_has_no_bare_special_character(tmp_path):
    config = yaml.safe_load((REPOSITORY / "config/quick.yaml").read_text())
    write_table(table3(config, REFERENCE, FIGURES), "note", tmp_path / "table3")
    latex = (tmp_path / "table3.tex").read_text()
    assert not re.search(r"(?<![\\$])_(?!P\$)", latex.split(r"\midrule")[1])
    assert "$\\eta$" in latex
    assert not set("ηγΣ") & set(latex)


def test_a_reference_that_is_broken_is_one_line(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("a: [1,\nb: }")
    with pytest.raises(InputError, match=r"settings.yaml: not readable as YAML \("):
        read_yaml(path)
    with pytest.raises(InputError, match=r"none\.yaml: not readable"):
        read_yaml(tmp_path / "none.yaml")


def with_tests(folder, tests):
    """Give a run's history further tests: by name, how many samples each client has right."""
    history = pd.read_csv(folder / "history.csv")
    frames = [history.assign(test="end reestimated")]
    frames += [history.assign(test=name, correct=correct) for name, correct in tests.items()]
    pd.concat(frames).to_csv(folder / "history.csv", index=False)


def test_table_5_has_a_column_a_test_and_marks_the_reference(folders):
    for folder in folders:
        with_tests(folder, {"before averaged": 7})
    table = table5(read_tests(folders))
    assert set(table.frame["classes_per_client"]) == {4}  # where clients differ most
    shown = table.shown[table.shown["method"] == "FedAvg"].iloc[0]
    # FedAvg: 2 and 4 of 10 with seed 0, 1 and 3 with seed 1; so means of 0.3 and 0.2
    assert shown["end reestimated"] == "0.250 ± 0.071 *"
    assert shown["before averaged"] == "0.700 ± 0.000"

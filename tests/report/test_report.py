"""The report and the replication record against the results that they are made from."""

import contextlib
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, RUN, change, diverge, run_main, write_run
from fedper import names
from fedper.draw.figures import DRAWERS
from fedper.errors import InputError
from fedper.plan.yaml_files import read_yaml
from fedper.report.facts import gather_facts, gather_metrics
from fedper.report.pdf import list_figures
from fedper.results.histories import read_clients
from pypdf import PdfReader
from readings_world import tiny, write_runs
from rocrate.rocrate import ROCrate


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The results of a scale of four runs in results/test, as the pipeline would leave them."""
    here = tmp_path_factory.mktemp("made")
    shutil.copytree(REPOSITORY / "paper", here / "paper")
    folder = Path("results/test")
    with contextlib.chdir(here):
        runs = [
            write_run(folder / "runs" / f"{k_p}-{seed}", run, [(1, 1), (2 * k_p + 2, 2 * k_p + 4)])
            for k_p in (0, 2)
            for seed in (0, 1)
            for run in [change(RUN, personalization_layers=k_p, seed=seed)]
        ]
        make_documents(folder, runs)
    return here


@pytest.fixture
def results(made, tmp_path, monkeypatch):
    """A copy of them, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "results/test"


def make_documents(folder, runs):
    """Make tables, claims, facts, one figure and the report, as the rules do."""
    note = ["--note", "CIFAR-10; scale test; 2 seeds", "--out"]
    common = ["--runs", *runs, *note]
    known = ["--known", "paper/results.yaml"]
    config = yaml.safe_load((REPOSITORY / "config/paper.yaml").read_text())
    assert run_main("judge_claims.py", *common, folder / "claims") == (0, "")
    assert run_main("gather_facts.py", "--scale", "test", *common, folder / "facts") == (0, "")
    assert run_main("draw_figure.py", "methods", *common, folder / "figures/figure2") == (0, "")
    for n in (1, 2, 4, 5, 6):
        assert run_main("make_table.py", n, *known, *common, folder / f"tables/table{n}") == (0, "")
    status = run_main(
        "make_settings_table.py", "--config", json.dumps(config),
        "--reference", "paper/settings.yaml", "--figures", "paper/figures.yaml",
        *note, folder / "tables/table3",
    )  # fmt: skip
    assert status == (0, "")


def compile_report(out="results/test/report.pdf"):
    config = yaml.safe_load((REPOSITORY / "config/paper.yaml").read_text())
    return run_main(
        "compile_report.py", "--source", "paper/report.typ", "--results", "results/test",
        "--config", json.dumps(config), "--figures", "paper/figures.yaml",
        "--captions", "paper/captions.yaml", "--out", out,
    )  # fmt: skip


def text_of(pdf):
    """Read the words of a PDF; Typst writes a hyphen that may break a line as a soft one."""
    words = " ".join(page.extract_text() for page in PdfReader(pdf).pages).split()
    return " ".join(words).replace("\u00ad", "-")


def test_facts_against_numbers_by_hand(results):
    facts = json.loads((results / "facts.json").read_text())
    assert (facts["n_runs"], facts["n_missing"], facts["n_diverged"]) == (4, 0, 0)
    (headline,) = facts["headline"]
    assert headline["fedavg"] == pytest.approx(0.3)
    assert headline["fedper"] == pytest.approx(0.7)
    assert (headline["n_seeds_fedavg"], headline["n_seeds_fedper"]) == (2, 2)
    assert facts["traffic"][0]["megabytes"] == {"0": 3.0, "2": 3.0}
    # four runs of two rounds of 3 + 0.5 s
    assert facts["hours"] == pytest.approx(8 * 3.5 / 3600)
    (cost,) = facts["cost"]
    assert (cost["training_s"], cost["evaluation_s"], cost["n_rounds"]) == (3.0, 0.5, 8)
    assert facts["devices"] == [{"value": "cpu: test", "n_runs": 4}]


def test_costs_are_in_the_order_of_the_paper_stand_ins_too(tmp_path):
    folders = []
    for dataset, source in (("cifar100", "coloured_digits"), ("cifar10", "digits")):
        for model in ("resnet34", "mobilenet_v1"):
            run = change(RUN, dataset=dataset, model=model, stand_in={"source": source})
            folders.append(write_run(tmp_path / run.name, run, [(2, 2)]))
    cost = gather_facts(read_clients(folders), folders)["cost"]
    assert [(row["dataset"], row["model"]) for row in cost] == [
        (f"stand-in for {dataset}", model)
        for dataset in ("CIFAR-10", "CIFAR-100")
        for model in ("MobileNet-v1", "ResNet-34")
    ]


def test_a_data_set_that_no_claim_is_about_has_no_headline(tmp_path, monkeypatch):
    record = names.DatasetRecord("SVHN", n_classes=10, clients="classes", layouts=())
    monkeypatch.setitem(names.DATASETS, "svhn", record)
    runs = [change(RUN, dataset="svhn", personalization_layers=k_p) for k_p in (0, 2)]
    made = [write_run(tmp_path / run.name, run, [(2, 2)]) for run in runs]
    facts = gather_facts(read_clients(made), made)
    assert (facts["datasets"], facts["headline"]) == (["SVHN"], [])


def test_metrics_are_nested_for_dvc(results):
    metrics = gather_metrics(read_clients(sorted(results.glob("runs/*"))))
    of_model = {"FedAvg, k = 4": pytest.approx(0.3), "FedPer, k = 4": pytest.approx(0.7)}
    assert metrics == {"CIFAR-10": {"ResNet-34": of_model}}


def test_figures_of_the_report_come_from_their_tables_and_partitions_are_first(tmp_path):
    config, figures, captions = (
        read_yaml(REPOSITORY / path)
        for path in ("config/quick.yaml", "paper/figures.yaml", "paper/captions.yaml")
    )
    there = ["communication", "figure7", "figure2", "partition-flickr_aes", "further_methods"]
    for name in there:
        (tmp_path / f"{name}.pdf").touch()
    shown = list_figures(config, figures, captions, tmp_path)
    # further_methods is not asked for at this scale
    assert [(one["name"], one["number"]) for one in shown] == [
        ("partition-flickr_aes", "S3"), ("figure2", "2"), ("figure7", "7"), ("communication", "S5"),
    ]  # fmt: skip
    assert shown[0]["caption"] == (
        f"{captions['partition-workers']} Simulated workers and images (stand-in for FLICKR-AES); "
        "scale quick; seed 0."
    )
    assert shown[1]["caption"].startswith(figures["figure2"]["caption"])


def test_a_figure_without_any_value_is_not_in_the_report(tmp_path):
    config, figures, captions = (
        read_yaml(REPOSITORY / path)
        for path in ("config/quick.yaml", "paper/figures.yaml", "paper/captions.yaml")
    )
    for name, accuracy in (("figure2", ""), ("figure7", "0.5")):
        (tmp_path / f"{name}.pdf").touch()
        (tmp_path / f"{name}.csv").write_text(f"seed,accuracy\n0,{accuracy}\n1,\n")
    shown = list_figures(config, figures, captions, tmp_path)
    assert [one["name"] for one in shown] == ["figure7"]


def test_every_figure_has_a_number_of_its_own_and_a_drawer():
    figures = read_yaml(REPOSITORY / "paper/figures.yaml")
    numbers = [figure["number"] for figure in figures.values()]
    partitions = [f"S{n}" for n, _ in enumerate(names.DATASETS, start=1)]
    assert len({*numbers, *partitions}) == len(numbers) + len(partitions)
    assert {figure["draw"] for figure in figures.values()} == set(DRAWERS)


def test_the_source_of_the_report_knows_no_models_figures_or_bounds():
    source = (REPOSITORY / "paper/report.typ").read_text()
    figures = read_yaml(REPOSITORY / "paper/figures.yaml")
    titles = [model.title for model in names.MODELS.values()]
    figures = [f'"{name}"' for name in figures]
    for word in (*names.DATASETS, *names.MODELS, *titles, *figures, ".above", ".below"):
        assert word not in source


def test_facts_count_what_diverged(results):
    folders = sorted(results.glob("runs/*"))
    diverge(folders[0], 2)
    facts = gather_facts(read_clients(folders), folders)
    assert (facts["n_runs"], facts["n_diverged"]) == (4, 1)
    assert facts["headline"][0]["n_seeds_fedavg"] == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda about: about.pop("device"), lambda about: about.update(device=7),
        lambda about: about.pop("versions"), lambda about: about.update(versions=7),
        lambda about: about.update(code_sha256=7), lambda about: about.update(machines=7),
        lambda about: about.update(machines=[{"device": "one"}, {}]),
    ],
)  # fmt: skip
def test_a_run_json_that_lacks_what_facts_name_is_one_line(results, spoil):
    folders = sorted(results.glob("runs/*"))
    about = json.loads((folders[1] / "run.json").read_text())
    spoil(about)
    (folders[1] / "run.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"run.json: not ") as refused:
        gather_facts(read_clients(folders), folders)
    assert str(refused.value).startswith(str(folders[1]))


@pytest.mark.parametrize("script", ["draw_verdicts.py", "write_crate.py"])
@pytest.mark.parametrize("content", ["", "[", "7", "{}", '{"claims": 7, "data": ""}', "[" * 9999])
def test_verdicts_that_are_broken_are_one_line(results, script, content):
    (results / "claims.json").write_text(content)
    arguments = ["--claims", results / "claims.json"]
    if script == "write_crate.py":
        arguments = ["--folder", results, "--files", results / "facts.json"]
    status, message = run_main(script, *arguments, "--out", results / "new/file.json")
    assert (status, len(message.splitlines())) == (1, 1)
    assert message.startswith(f"error: {results}/")
    assert "claims.json: not " in message
    assert not (results / "new").exists()


def test_the_report_says_what_the_files_say(results):
    assert compile_report() == (0, "")
    words = text_of(results / "report.pdf")
    assert "It rests on 4 runs on CIFAR-10." in words
    assert "FedPer reaches a mean test accuracy of 0.700 against 0.300 of FedAvg (2 seeds)" in words
    assert "Figure 2: FedAvg (dashed) and FedPer (solid)" in words
    assert "± 1 sd over them. CIFAR-10; scale paper; models of width 1; 5 seeds." in words
    assert re.search("Verdicts on the paper.s 10 claims", words)
    # C10 is counted, on one of three data sets; C3, C5 and C7 are about other data sets
    assert "6 not judged, 3 no data, 1 reproduced in part" in words
    facts = json.loads((results / "facts.json").read_text())
    facts["headline"][0]["fedper"] = 0.6789
    (results / "facts.json").write_text(json.dumps(facts))
    assert compile_report() == (0, "")
    assert "a mean test accuracy of 0.679 against" in text_of(results / "report.pdf")


def test_the_discussion_tells_every_verdict_with_its_effect_or_reason(results):
    path, facts = results / "claims.json", json.loads((results / "facts.json").read_text())
    said = json.loads(path.read_text())
    claims = {claim["claim"]: claim["parts"][0] for claim in said["claims"]}
    shown = {"mean": 0.123, "low": 0.1, "high": 0.146}
    for claim, verdict, reason in (
        ("C1", "reproduced", ""), ("C8", "not reproduced", "it is worse"),
        ("C9", "inconclusive", "x = 7"),
    ):  # fmt: skip
        claims[claim] |= {"verdict": verdict, "reason": reason}
        claims[claim]["comparisons"] = [claims[claim]["comparisons"][0] | shown]
    path.write_text(json.dumps(said))
    moment = {
        "fedavg": 0.5,
        "fedper": 0.5,
        "n_seeds": 5,
        "difference": 0.01,
        "low": -0.1,
        "high": 0.1,
    }
    (row,) = facts["moments"] or [{"dataset": "CIFAR-10", "model": "MobileNet-v1", "k": 4}]
    row["at"] = {"before aggregation": moment, "after aggregation": moment | {"low": 0.005}}
    (results / "facts.json").write_text(json.dumps(facts | {"moments": [row]}))
    assert compile_report() == (0, "")
    text = text_of(results / "report.pdf").split("Discussion")[-1]
    assert re.search(r"• Reproduced. C1 on CIFAR-10, [-\w]+: FedPer beats FedAvg where", text)
    assert "+0.123 (+0.100 to +0.146)" in text
    assert re.search(r"Not reproduced. C8 on CIFAR-10, [-\w]+: Training alone .*it is worse", text)
    assert re.search(r"Nobody can say yet. C9 on CIFAR-10, [-\w]+: One .*x = 7", text)
    assert "without data or control. " in text
    assert "gain is seen after aggregation alone" in text
    row["at"]["before aggregation"] = moment | {"low": 0.001}
    (results / "facts.json").write_text(json.dumps(facts | {"moments": [row]}))
    assert compile_report() == (0, "")
    assert "gain is seen after aggregation alone" not in text_of(results / "report.pdf")
    row["at"]["before aggregation"] = moment
    (results / "facts.json").write_text(
        json.dumps(facts | {"moments": [row], "stand_ins": ["CIFAR-10 (digits)"]})
    )
    assert compile_report() == (0, "")
    text = text_of(results / "report.pdf")
    assert "about stand-in data, not about the paper's" in text.replace(
        "\N{RIGHT SINGLE QUOTATION MARK}", "'"
    )
    assert "gain is seen after aggregation alone" not in text


def test_deviations_from_the_plan_are_listed_for_their_scale_alone(results):
    assert compile_report() == (0, "")
    assert "Deviations from the plan" not in text_of(results / "report.pdf")
    Path("paper/deviations.yaml").write_text("test: [Half of the runs were cut.]\nother: [None.]\n")
    assert compile_report() == (0, "")
    text = text_of(results / "report.pdf")
    assert "Deviations from the plan" in text
    assert "Half of the runs were cut." in text
    assert "None." not in text


def test_what_rounding_did_is_told_of_the_scale_that_was_trained_again(results):
    header = Path("paper/trained_again.csv").read_text().splitlines()[0]
    rows = ["other,a,m,n,False,0.1,0.9", "test,a,m,m,True,0.5,0.5", "test,b,m,n,False,0.5,0.512"]
    Path("paper/trained_again.csv").write_text("\n".join([header, *rows[:1]]) + "\n")
    assert compile_report() == (0, "")
    assert "trained a second time" not in text_of(results / "report.pdf")
    Path("paper/trained_again.csv").write_text("\n".join([header, *rows]) + "\n")
    assert compile_report() == (0, "")
    text = text_of(results / "report.pdf")
    assert "2 runs of this scale were trained a second time" in text
    assert "1 came out with the same bytes" in text
    assert "accuracy changed by +0.012 to +0.012" in text


def draw_readings(folder):
    """Draw the multiverse of the smallest configuration with three seeds, one reading worse."""
    config = tiny()
    config["multiverse"]["runs"][0]["seeds"] = [0, 1, 2]
    config["multiverse"]["universes"]["not run"] = {"optimiser.momentum": 0.0}
    gains = {"the authors' code": 20, "our reading until now": -30}

    def correct(universe, run, test):
        gain = gains.get(universe, 0) if run.method.name == "FedPer" else 0
        return [50 + gain + run.seed * (gain > 0)] * 3

    runs = write_runs(config, folder / "universes", correct)
    for path in runs.iterdir():
        if json.loads((path / "run.json").read_text())["run"]["momentum"] == 0:
            shutil.rmtree(path)
    assert run_main(
        "draw_multiverse.py", "--config", json.dumps(config), "--runs", runs, "--note", "note",
        "--out", folder / "figures/multiverse",
    ) == (0, "")  # fmt: skip


def test_the_report_tells_readings_from_their_table(results):
    assert compile_report() == (0, "")
    assert "Readings" not in text_of(results / "report.pdf")
    draw_readings(results)
    assert compile_report() == (0, "")
    words = text_of(results / "report.pdf")
    for mark, plain in (("\u201c", '"'), ("\u201d", '"'), ("\u2019", "'"), ("\u2212", "-")):
        words = words.replace(mark, plain)
    assert '3 universes of runs were planned, the reference, "the authors' in words
    assert "3 of them with runs of the effects below, and 2 of these ran whole" in words
    assert "Beside them stand 4 other tests of the reference's runs." in words
    # seeds 0, 1, 2 gain 0.20, 0.21, 0.22 in the reference and in each of its tests
    assert '+0.210 in the reference; -0.300 ("our reading until now") to +0.210 ' in words
    assert (
        "over 6 readings, 5 of them above 0. Of 6 95 % intervals, 5 lie above 0 and 1 below."
        in words
    )
    assert "Figure S8: What three of the paper's claims say is above 0" in words
    assert "3 universes were planned, 2 ran." in words


def test_the_report_comes_out_byte_identical(results):
    for name in ("one", "two"):
        assert compile_report(f"results/test/{name}.pdf") == (0, "")
    assert (results / "one.pdf").read_bytes() == (results / "two.pdf").read_bytes()


def test_a_report_that_cannot_be_compiled_is_one_line_and_leaves_the_old_one(results):
    assert compile_report() == (0, "")
    before = (results / "report.pdf").read_bytes()
    (results / "claims.json").unlink()
    status, message = compile_report()
    assert status == 1
    assert message.startswith("error: report.typ: file not found")
    assert (results / "report.pdf").read_bytes() == before
    assert [path.name for path in results.glob(".*")] == []


def test_the_replication_record_is_a_crate_that_its_library_reads(results, tmp_path):
    files = [results / "claims.json", results / "figures/figure2.pdf"]
    out = results / "ro-crate-metadata.json"
    command = ("write_crate.py", "--folder", results, "--files", *files, "--out", out)
    assert run_main(*command) == (0, "")
    crate = ROCrate(results)
    assert crate.root_dataset["citation"]["@id"] == "https://arxiv.org/abs/1912.00818"
    figure = crate.get("figures/figure2.pdf")
    assert figure["sha256"] == hashlib.sha256(files[1].read_bytes()).hexdigest()
    verdicts = crate.get_by_type("ClaimReview")
    assert [item["itemReviewed"]["name"] for item in verdicts] == [f"C{n}" for n in range(1, 11)]
    judged = json.loads((results / "claims.json").read_text())["claims"]
    assert [item["reviewRating"]["ratingValue"] for item in verdicts] == [
        claim["verdict"] for claim in judged
    ]
    (action,) = crate.get_by_type("CreateAction")
    assert files[1].name in {Path(item["@id"]).name for item in action["result"]}

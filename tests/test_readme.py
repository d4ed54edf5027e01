"""What README and the pages in docs/ say of results and commands is what the files say."""

import json
import re

import pandas as pd
import pytest
from conftest import REPOSITORY

DOCS = ["docs/running.md", "docs/dvc.md", "docs/speed.md", "docs/checklists.md"]
PAGES = ["README.md", "CONTRIBUTING.md", "results/former/README.md", *DOCS]
TEXTS = {page: (REPOSITORY / page).read_text() for page in PAGES}
RESULT_ROW = re.compile(
    r"^\| (MobileNet-v1|ResNet-34) \| (\d+) \| (\d+)(?: \(FedAvg\))? "
    r"\| (0\.\d{3})(?: ± 0\.\d{3})? \|",
    re.MULTILINE,
)
MODELS = {"MobileNet-v1": "mobilenet_v1", "ResNet-34": "resnet34"}


def test_every_accuracy_in_the_readme_is_the_one_in_table_1():
    table = pd.read_csv(REPOSITORY / "results/former/tables/table1.csv")
    keys = ["model", "classes_per_client", "personalization_layers"]
    expected = {tuple(row[keys]): f"{row['accuracy_mean']:.3f}" for _, row in table.iterrows()}
    found = {
        (MODELS[model], int(k), int(k_p)): accuracy
        for model, k, k_p, accuracy in RESULT_ROW.findall(TEXTS["results/former/README.md"])
    }
    assert found == expected


def test_what_the_readme_says_was_found_is_what_the_files_say():
    folder = REPOSITORY / "results/cpu"
    facts = json.loads((folder / "facts.json").read_text())
    (found,) = [row for row in facts["moments"] if (row["dataset"], row["k"]) == ("CIFAR-10", 4)]
    for moment, one in found["at"].items():
        interval = f"{one['difference']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f})"
        row = f"| {moment} | {one['fedavg']:.3f} | {one['fedper']:.3f} | {interval} |"
        assert row in TEXTS["README.md"]
    claims = {c["claim"]: c for c in json.loads((folder / "claims.json").read_text())["claims"]}
    rows = re.findall(
        r"^\| (C\d+), [^|]*\| (.*) \| (.*) \| (.*) \|$", TEXTS["README.md"], re.MULTILINE
    )
    assert [claim for claim, *_ in rows] == ["C1", "C2", "C3", "C4", "C6", "C8", "C9"]
    for claim, verdict, p_corrected, effect in rows:
        part = claims[claim]["parts"][0]
        assert part["title"] == ("CIFAR-100" if claim == "C3" else "CIFAR-10")
        assert part["model"] == "MobileNet-v1"
        assert (verdict, p_corrected) == (part["verdict"], f"{part['p_corrected']:.1g}")
        shown = part["comparisons"][-1 if claim in ("C2", "C3") else 0]
        expected = f"{shown['mean']:+.3f} ({shown['low']:+.3f} to {shown['high']:+.3f})"
        if claim == "C4":
            expected = ", ".join(f"{one['mean']:+.3f}" for one in part["comparisons"])
        assert effect.removesuffix(" left") == expected
    (other,) = [row["at"] for row in facts["moments"] if row["dataset"] == "CIFAR-100"]
    there = {name: f"{other['after aggregation'][name]:.3f}" for name in ("fedper", "fedavg")}
    words = f"FedPer has {there['fedper']} and FedAvg {there['fedavg']}."
    assert words in " ".join(TEXTS["README.md"].split())
    assert f"{facts['n_trained']} of 143 runs" in TEXTS["README.md"]


@pytest.mark.parametrize(
    ("page", "path"),
    sorted({(p, path) for p in PAGES for path in re.findall(r"\]\(([^)#:]+)[)#]", TEXTS[p])}),
)
def test_every_file_that_a_page_links_to_exists(page, path):
    assert ((REPOSITORY / page).parent / path).exists()


def test_there_are_no_other_pages():
    pages = {str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("docs/*")}
    assert pages == set(DOCS)


@pytest.mark.parametrize(
    "target", sorted({t for page in PAGES for t in re.findall(r"`make ([a-z][\w-]*)", TEXTS[page])})
)
def test_every_make_target_in_the_pages_exists(target):
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


def test_every_script_and_option_in_the_pages_exists():
    for page, text in TEXTS.items():
        for script, words in re.findall(r"python (scripts/\w+\.py)([^`#\n]*)", text):
            source = (REPOSITORY / script).read_text()
            source += (REPOSITORY / "scripts/fedper/job/command_line.py").read_text()
            for option in re.findall(r"--[a-z-]+", words):
                assert f'"{option}"' in source, (page, script, option)


def test_the_readme_is_short():
    assert len(TEXTS["README.md"].splitlines()) < 180

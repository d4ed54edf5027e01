"""What the README says of results and commands is what the files say."""

import re

import pandas as pd
import pytest
from conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
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
        for model, k, k_p, accuracy in RESULT_ROW.findall(README)
    }
    assert found == expected


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_that_the_readme_links_to_exists(path):
    assert (REPOSITORY / path).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z]\w*)", README))))
def test_every_make_target_in_the_readme_exists(target):
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)

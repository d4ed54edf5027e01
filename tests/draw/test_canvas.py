"""Every figure at its smallest, one panel with much to say below it, and at two scales."""

import numpy as np
import pandas as pd
import pytest
from canvas import must_hold_its_texts, texts_of
from conftest import REPOSITORY
from fedper.draw.figures import DRAWERS, OF_EVERY_TEST
from fedper.draw.panels import panels_of
from fedper.plan.config import read_config
from fedper.plan.experiments import describe_figure, figure_runs
from fedper.plan.yaml_files import read_yaml
from fedper.results.faults import describe_faults
from fedper.results.histories import describe_run

CONFIGS = {scale: read_config(REPOSITORY / f"config/{scale}.yaml") for scale in ("paper", "quick")}
FIGURES = read_yaml(REPOSITORY / "paper/figures.yaml")


def histories(runs, every_test: bool) -> pd.DataFrame:
    """Make up what the runs' histories say, as ``read_clients`` or ``read_tests`` gives them."""
    frames = []
    for number, run in enumerate(runs):
        generator = np.random.default_rng(number)
        for test in run.tests if every_test else run.tests[:1]:
            rounds = np.repeat([1, 50, 100], run.n_clients)
            accuracy = generator.uniform(0.2, 0.95, len(rounds))
            columns = describe_run(run) | {
                "round": rounds, "client": np.tile(np.arange(run.n_clients), 3), "test": test.name,
                "reference": test == run.tests[0], "samples": 450, "correct": 450 * accuracy,
                "test_loss": 1.0, "train_loss": 1.0, "bytes_up": 1e6, "bytes_down": 1e6,
                "accuracy": accuracy, "balanced_accuracy": accuracy, "floor": 0.4, "fault": "",
            }  # fmt: skip
            frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def draw(config: dict, name: str, runs: list, lost: int):
    """Draw a figure of made-up histories, of which the first ``lost`` runs have diverged."""
    clients = histories(runs, FIGURES[name]["draw"] in OF_EVERY_TEST)
    diverged = clients["seed"] < lost
    clients.loc[diverged & (clients["round"] > 1), "fault"] = "diverged"
    clients.loc[clients["fault"] != "", ["accuracy", "balanced_accuracy"]] = np.nan
    sum_up, draw_summed = DRAWERS[FIGURES[name]["draw"]]
    note = describe_figure(config, name)
    if words := describe_faults(clients):
        note += f"; {words}"
    return draw_summed(sum_up(clients), note)


def test_what_has_no_value_has_no_panel_unless_nothing_has_one():
    frame = pd.DataFrame(
        {
            "dataset": ["cifar10", "cifar10", "cifar100"],
            "model": ["mobilenet_v1", "resnet34", "mobilenet_v1"],
            "accuracy": [0.5, np.nan, np.nan],
        }
    )
    assert [title for title, _ in panels_of(frame)] == ["(a) CIFAR-10, MobileNet-v1"]
    assert len(panels_of(frame.assign(accuracy=np.nan))) == 3
    assert len(panels_of(frame.assign(accuracy=0.5))) == 3


@pytest.mark.parametrize(
    ("scale", "name"),
    [(scale, name) for scale in CONFIGS for name in FIGURES if name in CONFIGS[scale]["figures"]],
)
@pytest.mark.parametrize("size", ["smallest", "largest"])
def test_a_figure_holds_its_texts(scale, name, size):
    """The names of stand-ins are longer than those of real data."""
    runs = list(figure_runs(CONFIGS[scale], name))
    one = runs[0]
    if size == "smallest":
        alike = (one.dataset, one.model, one.classes_per_client)
        runs = [r for r in runs if (r.dataset, r.model, r.classes_per_client) == alike]
    figure = draw(CONFIGS[scale], name, runs, lost=1 if size == "smallest" else 0)
    texts = texts_of(figure)
    assert len(texts) > 5
    assert figure.get_supxlabel().strip()
    # labels of dots may lie over each other where clients are as good
    must_hold_its_texts(figure, may_overlap=FIGURES[name]["draw"] == "clients")

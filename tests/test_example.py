"""The entrance: the example that needs no pipeline does what it says."""

import runpy

from conftest import REPOSITORY
from fedper.method import Phase
from fedper.plan.config import read_config
from fedper.plan.experiments import all_runs
from fedper.run import change

EXAMPLE = runpy.run_path(str(REPOSITORY / "examples/fedper_on_your_tensors.py"))


def test_fedper_pleases_both_clients_and_fedavg_at_most_one():
    play, settings = EXAMPLE["play"], EXAMPLE["SETTINGS"]
    assert min(play(settings)) > 0.9
    together = play(change(settings, personalization_layers=0))
    assert sum(together) < 1.2  # what is right for one is wrong for the other


def test_a_method_of_ones_own_is_an_entry_in_a_configuration():
    runs = all_runs(read_config(REPOSITORY / "examples/fedbabu.yaml")).values()
    methods = {run.method.name: run.method for run in runs}
    assert sorted((run.method.name, run.seed) for run in runs) == [
        (name, seed) for name in ("FedAvg", "FedBABU", "FedPer") for seed in (0, 1)
    ]
    assert methods["FedBABU"].train == (Phase("base", 1),)
    assert methods["FedPer"].train == (Phase("all", 1),)

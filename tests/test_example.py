"""The entrance: the example that needs no pipeline does what it says."""

import runpy

from conftest import REPOSITORY
from fedper.run import change

EXAMPLE = runpy.run_path(str(REPOSITORY / "examples/fedper_on_your_tensors.py"))


def test_fedper_pleases_both_clients_and_fedavg_at_most_one():
    play, settings = EXAMPLE["play"], EXAMPLE["SETTINGS"]
    assert min(play(settings)) > 0.9
    together = play(change(settings, personalization_layers=0))
    assert sum(together) < 1.2  # what is right for one is wrong for the other

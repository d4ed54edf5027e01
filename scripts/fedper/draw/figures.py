"""What draws a figure, by the name that ``paper/figures.yaml`` gives it."""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from fedper.draw.clients import draw_clients
from fedper.draw.communication import draw_communication
from fedper.draw.curves import draw_depths, draw_methods, draw_variants
from fedper.draw.moments import draw_moments
from fedper.draw.ways_of_testing import draw_tests
from fedper.judge.moments import at_moments
from fedper.results.summary import (
    accuracy_and_traffic,
    last_round,
    mean_over_clients,
    with_fine_tuned_fedavg,
)

SumUp = Callable[[pd.DataFrame], pd.DataFrame]
Draw = Callable[[pd.DataFrame, str], Figure]

DRAWERS: dict[str, tuple[SumUp, Draw]] = {
    "methods": (mean_over_clients, draw_methods),
    "depths": (mean_over_clients, draw_depths),
    "variants": (lambda rows: mean_over_clients(with_fine_tuned_fedavg(rows)), draw_variants),
    "clients": (last_round, draw_clients),
    "communication": (accuracy_and_traffic, draw_communication),
    "tests": (mean_over_clients, draw_tests),
    "moments": (at_moments, draw_moments),
}
"""How the histories of a figure's runs are summed up, and how that is drawn with a note below."""

OF_EVERY_TEST = ("tests", "moments", "variants")
"""Those that show other tests of the runs besides each run's reference."""

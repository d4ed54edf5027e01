"""Table 6: what FedPer buys, before aggregation, after it, and after fine-tuning."""

import numpy as np
import pandas as pd

from fedper.judge.comparisons import describe_effect
from fedper.judge.moments import (
    MOMENTS,
    at_moments,
    differences_to_fedper,
    where_clients_differ_most,
)
from fedper.report.tables import Table, keys_for_reading
from fedper.results.summary import ROW, in_order


def table6(tests: pd.DataFrame) -> Table:
    """Accuracy of every method at three moments, and what FedPer has more, where clients differ.

    tests: as of :func:`fedper.results.histories.read_tests`.
    """
    runs = at_moments(where_clients_differ_most(tests))
    frame = in_order(differences_to_fedper(runs)) if len(runs) else pd.DataFrame(columns=ROW)
    shown = _moments_beside_each_other(frame) if len(runs) else pd.DataFrame({"data set": []})
    return Table(
        number=6,
        title="What FedPer buys: test accuracy by moment of the test",
        frame=frame,
        shown=shown,
        explained="Last round, mean over clients, then mean ± sd over seeds. Before aggregation: "
        "each client's model as its own training left it. After fine-tuning: of FedPer fine-tuned, "
        "as it plays; of all others, after an epoch on the client's training images, all layers, "
        "forgotten afterwards. FedPer -: what FedPer has more at the same moment, with its 95 % "
        "interval (Student's t over seeds, uncorrected).",
    )


def _moments_beside_each_other(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.assign(
        accuracy=[_spread(row) for row in frame.itertuples()],
        more=[_interval(row) for row in frame.itertuples()],
    )
    wide = frame.pivot(index=ROW, columns="moment", values=["accuracy", "more", "n_seeds"])
    keys = in_order(wide.index.to_frame(index=False))
    wide = wide.loc[pd.MultiIndex.from_frame(keys[ROW])]
    shown = keys_for_reading(keys)
    shown["seeds"] = wide["n_seeds"].max(axis=1).to_numpy()
    for moment in MOMENTS:
        if moment in wide["accuracy"]:
            shown[moment] = wide["accuracy", moment].fillna("-").to_numpy()
            shown[f"FedPer -, {moment}"] = wide["more", moment].fillna("-").to_numpy()
    return shown


def _spread(row: tuple) -> str:
    if np.isnan(row.accuracy_mean):
        return "-"
    return f"{row.accuracy_mean:.3f}" + (
        "" if np.isnan(row.accuracy_sd) else f" ± {row.accuracy_sd:.3f}"
    )


def _interval(row: tuple) -> str:
    has_value = not np.isnan(row.difference)
    return describe_effect(row.difference, row.low, row.high) if has_value else "-"

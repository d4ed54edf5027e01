"""Table 5: what the same runs score in every way in which they were tested."""

import pandas as pd

from fedper.report.tables import Table, keys_for_reading
from fedper.results.summary import ROW, describe_accuracy, final_accuracy, in_order


def table5(tests: pd.DataFrame) -> Table:
    """Accuracy in the last round, a column for each test, where clients differ most.

    tests: as of :func:`fedper.results.histories.read_tests`. Of each data set the smallest k, and
    of the methods FedAvg and FedPer; the reference of a row is marked by an asterisk.
    """
    compared = tests[tests["method"].isin(["FedAvg", "FedPer"])]
    k = compared["classes_per_client"]
    differ_most = k.isna() | (k == k.groupby(compared["dataset"]).transform("min"))
    compared = compared[differ_most]
    frames = [
        final_accuracy(rows).assign(test=test, reference=bool(rows["reference"].any()))
        for test, rows in compared.groupby("test", sort=False)
    ]
    frame = in_order(pd.concat(frames)) if frames else pd.DataFrame(columns=[*ROW, "test"])
    shown = _a_column_a_test(frame) if frames else pd.DataFrame({"data set": ["no such runs"]})
    return Table(
        number=5,
        title="Test accuracy in the last round by way of testing",
        frame=frame,
        shown=shown,
        explained="The same runs, tested at other moments of the round and with other BatchNorm "
        "statistics; mean over clients, then mean ± sd over seeds. *: the reference of the run. "
        "before: aggregation, as local training left the model. end: of the round, with the new "
        "base, after fine-tuning where there is some. averaged: running statistics as they are; "
        "reestimated: on the client's own training images; own: as its last local training left "
        "them; test batch: those of each test batch. tuned: after an epoch on the client's "
        "training images, forgotten afterwards; fresh: with the personalization layers that it "
        "began with.",
    )


def _a_column_a_test(frame: pd.DataFrame) -> pd.DataFrame:
    texts = [
        describe_accuracy(row) + (" *" if row["reference"] else "") for _, row in frame.iterrows()
    ]
    keys = [*ROW, "n_seeds"]
    wide = frame.assign(text=texts).pivot(index=keys, columns="test", values="text")
    wide = in_order(wide.reset_index())
    shown = keys_for_reading(wide)
    shown["seeds"] = wide["n_seeds"]
    for test in frame["test"].unique():
        shown[test] = wide[test].fillna("-")
    return shown

"""Table 4: ours beside the values that are published."""

import pandas as pd

from fedper.names import dataset_title, model_title, real_name
from fedper.report.tables import Table
from fedper.results.summary import describe_accuracy, final_accuracy


def table4(clients: pd.DataFrame, known: list[dict]) -> Table:
    """Ours beside what the paper and its public replication report.

    known: entries of ``paper/results.yaml``.  A difference is ours minus theirs; there is none
    where ours is from a stand-in, which is other data.
    """
    ours = final_accuracy(clients)
    ours = ours[ours["method"].isin(["FedAvg", "FedPer"])]
    ours["real"] = ours["dataset"].map(real_name)
    theirs = pd.DataFrame(known).astype({"paper_low": float, "paper_high": float})
    theirs = theirs.astype({"replication": float, "replication_round": "Int64"})
    frame = theirs.merge(
        ours.rename(columns={"dataset": "our_data", "round": "our_round"}),
        how="left",
        left_on=["dataset", "model", "classes_per_client", "personalization_layers"],
        right_on=["real", "model", "classes_per_client", "personalization_layers"],
    ).drop(columns="real")
    frame = frame.astype(dict.fromkeys(["n_seeds", "n_missing", "n_diverged"], "Int64"))
    comparable = frame["our_data"] == frame["dataset"]
    accuracy = frame["accuracy_mean"].where(comparable)
    frame["minus_paper_low"] = accuracy - frame["paper_low"]
    frame["minus_paper_high"] = accuracy - frame["paper_high"]
    frame["minus_replication"] = accuracy - frame["replication"]
    return Table(
        number=4,
        title="Test accuracy, ours beside the paper's and its public replication's",
        frame=frame,
        shown=_for_reading(frame),
        explained="Ours: last round, mean over clients, then mean ± sd over seeds. Paper: read off "
        "its figures by others, so a range. Public replication: Flower's baselines/fedper, images "
        "enlarged to 224 x 224, at the round in brackets. Differences are ours minus theirs; no "
        "run has the settings of theirs unless Table 3 shows no deviation, and stand-ins are other "
        "data, so they have none. On FLICKR-AES the paper's FedAvg is said to stay near chance.",
    )


def _for_reading(frame: pd.DataFrame) -> pd.DataFrame:
    has_run = frame["our_data"].notna()
    names = [dataset_title(name) if pd.notna(name) else "-" for name in frame["our_data"]]
    if frame.groupby("our_data")["settings"].nunique().max() > 1:
        names = [f"{name}, {words}" for name, words in zip(names, frame["settings"], strict=True)]
    ours = [
        describe_accuracy(row) if run else "not run"
        for run, (_, row) in zip(has_run, frame.iterrows(), strict=True)
    ]
    return pd.DataFrame(
        {
            "figure": frame["figure"],
            "model": frame["model"].map(model_title),
            "k": frame["classes_per_client"].map("{:.0f}".format).replace("nan", "-"),
            "K_P": frame["personalization_layers"],
            "ours on": names,
            "ours": ours,
            "paper": _ranges(frame["paper_low"], frame["paper_high"], "{:.2f}"),
            "ours - paper": _ranges(frame["minus_paper_high"], frame["minus_paper_low"], "{:+.2f}"),
            "replication (round)": [
                "-" if pd.isna(value) else f"{_short(value)} ({at})"
                for value, at in zip(frame["replication"], frame["replication_round"], strict=True)
            ],
            "ours - replication": _ranges(*[frame["minus_replication"]] * 2, "{:+.2f}"),
        }
    )


def _short(value: float) -> str:
    """Write two digits after the point, or three if there are."""
    return f"{value:.3f}".removesuffix("0")


def _ranges(lows: pd.Series, highs: pd.Series, form: str) -> list[str]:
    """Write from the lower to the higher value, one of them where they are the same."""
    texts = []
    for low, high in zip(lows, highs, strict=True):
        if pd.isna(low):
            texts.append("-")
        elif low == high:
            texts.append(form.format(low))
        else:
            texts.append(f"{form.format(low)} to {form.format(high)}")
    return texts

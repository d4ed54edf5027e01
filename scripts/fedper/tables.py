"""Table 1: accuracy in the last round, for every data set, model, k and method."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fedper.files import write_text
from fedper.results import MODEL_TITLES, RUN_COLUMNS, last_round

ROW = ["dataset", "model", "classes_per_client", "method", "personalization_layers"]


def final_accuracy(clients: pd.DataFrame) -> pd.DataFrame:
    """Sum up the last round of every setting, one row each.

    accuracy_mean, accuracy_sd: of the client mean, over seeds (sd: NaN for one seed).
    client_sd: spread over clients, mean over seeds.  client_min: the worst client of any seed.
    All in 0 … 1.
    """
    last = last_round(clients)
    seeds = last.groupby([*RUN_COLUMNS, "round"], dropna=False)["accuracy"].agg(
        ["mean", "std", "min"]
    )
    rows = seeds.reset_index().groupby(ROW, dropna=False)
    table = rows.agg(
        round=("round", "max"),
        n_seeds=("seed", "nunique"),
        accuracy_mean=("mean", "mean"),
        accuracy_sd=("mean", "std"),
        client_sd=("std", "mean"),
        client_min=("min", "min"),
    )
    return table.reset_index()


def save_table1(table: pd.DataFrame, note: str, stem: Path) -> None:
    """Write ``stem``.csv with all digits, and .md and .tex (booktabs) for reading."""
    caption = f"Test accuracy in the last round. {note}."
    shown = _readable(table)
    explained = (
        "Accuracy: mean over clients, then mean ± sd over seeds. "
        "Spread: sd over clients. Worst: the client with the lowest accuracy."
    )
    markdown = shown.to_markdown(index=False, disable_numparse=True)
    latex = shown.rename(columns={"K_P": "$K_P$"}).to_latex(
        index=False,
        caption=re.sub(r"([%&_#$])", r"\\\1", f"{caption} {explained}"),
        label="tab:final-accuracy",
    )
    write_text(stem.with_suffix(".csv"), table.to_csv(index=False))
    write_text(stem.with_suffix(".md"), f"**Table 1.** {caption}\n\n{markdown}\n\n{explained}\n")
    write_text(stem.with_suffix(".tex"), f"% needs \\usepackage{{booktabs}}\n{latex}")


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    mean = table["accuracy_mean"].map("{:.3f}".format)
    sd = table["accuracy_sd"].map(lambda value: "" if np.isnan(value) else f" ± {value:.3f}")
    return pd.DataFrame(
        {
            "data set": table["dataset"],
            "model": table["model"].map(MODEL_TITLES),
            "k": table["classes_per_client"].map(lambda k: "-" if np.isnan(k) else f"{k:.0f}"),
            "method": table["method"],
            "K_P": table["personalization_layers"],
            "round": table["round"],
            "seeds": table["n_seeds"],
            "accuracy": mean + sd,
            "spread": table["client_sd"].map("{:.3f}".format),
            "worst": table["client_min"].map("{:.3f}".format),
        }
    )

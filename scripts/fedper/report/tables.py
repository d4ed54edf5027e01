"""Tables 1 and 2, from the histories of all runs; what a table is."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fedper.names import dataset_title, model_title
from fedper.results.summary import describe_accuracy, final_accuracy, in_order


@dataclass(frozen=True)
class Table:
    """A table to be written.

    Attributes:
        number: in the report.
        title: starts the caption.
        frame: all digits, for programs.
        shown: text, for readers.
        explained: what the columns are.
    """

    number: int
    title: str
    frame: pd.DataFrame
    shown: pd.DataFrame
    explained: str


def table1(clients: pd.DataFrame) -> Table:
    """Accuracy in the last round, a row for every data set, model, k, method and K_P."""
    frame = final_accuracy(clients)
    shown = keys_for_reading(frame)
    shown["round"] = frame["round"].map("{:.0f}".format).replace("nan", "-")
    shown["seeds"] = frame["n_seeds"]
    shown["accuracy"] = [describe_accuracy(row) for _, row in frame.iterrows()]
    if frame["floor"].notna().any():
        shown["floor"] = frame["floor"].map(_three_digits)
        shown["balanced"] = frame["balanced_mean"].map(_three_digits)
    shown["spread"] = frame["client_sd"].map(_three_digits)
    shown["worst"] = frame["client_min"].map(_three_digits)
    return Table(
        number=1,
        title="Test accuracy in the last round",
        frame=frame,
        shown=shown,
        explained="Accuracy: mean over clients, then mean ± sd over seeds. Floor: of always "
        "guessing each client's commonest test label. Balanced: mean over the classes that a "
        "client is tested on. Spread: sd over clients, mean over seeds. Worst: the client with "
        "the lowest accuracy of any seed.",
    )


def table2(clients: pd.DataFrame) -> Table:
    """Accuracy by K_P, for every setting in which more than one number of layers was tried."""
    keys = ["dataset", "model", "classes_per_client", "settings"]
    fedper = clients[clients["method"] == "FedPer"]
    n_depths = fedper.groupby(keys, dropna=False)["personalization_layers"].nunique()
    several = n_depths[n_depths > 1].reset_index()[keys]
    depths = clients[clients["method"].isin(["FedAvg", "FedPer"])].merge(several, on=keys)
    frame = final_accuracy(_seeds_of_every_depth(depths, keys))
    nothing = "no seed has every K_P" if len(depths) else "no setting has several K_P of FedPer"
    shown = pd.DataFrame({"data set": [nothing]})
    if len(frame):
        shown = _a_column_a_depth(frame, keys)
    return Table(
        number=2,
        title="Test accuracy in the last round by number of personalization layers",
        frame=frame,
        shown=shown,
        explained="Mean over clients, then mean ± sd over those seeds that every K_P of a row has.",
    )


def _a_column_a_depth(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Write the accuracies of one setting beside each other."""
    accuracy = [describe_accuracy(row) for _, row in frame.iterrows()]
    wide = frame.assign(accuracy=accuracy).pivot(
        index=[*keys, "n_seeds"], columns="personalization_layers", values="accuracy"
    )
    wide = in_order(wide.reset_index())
    shown = keys_for_reading(wide)
    shown["seeds"] = wide["n_seeds"]
    for depth in sorted(frame["personalization_layers"].unique()):
        name = "FedAvg" if depth == 0 else f"K_P = {depth}"
        shown[name] = wide[depth].fillna("-")
    return shown


def _seeds_of_every_depth(depths: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Keep the seeds for which every K_P of a setting was asked for."""
    wanted = depths.groupby(keys, dropna=False)["personalization_layers"].transform("nunique")
    by_seed = depths.groupby([*keys, "seed"], dropna=False)["personalization_layers"]
    return depths[by_seed.transform("nunique") == wanted]


def keys_for_reading(frame: pd.DataFrame) -> pd.DataFrame:
    """Write data set, model, k and, where the frame has them, method and K_P.

    A data set whose runs have several settings says which.
    """
    several = frame.groupby("dataset")["settings"].transform("nunique") > 1
    names = frame["dataset"].map(dataset_title)
    shown = pd.DataFrame({"data set": names.where(~several, names + ", " + frame["settings"])})
    shown["model"] = frame["model"].map(model_title)
    shown["k"] = frame["classes_per_client"].map(lambda k: "-" if np.isnan(k) else f"{k:.0f}")
    if "method" in frame:
        shown["method"] = frame["method"]
        shown["K_P"] = frame["personalization_layers"]
    return shown


def _three_digits(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"

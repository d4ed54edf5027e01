"""The numbers that ``dvc metrics`` compares."""

import pandas as pd

from fedper.judge.summary import final_accuracy
from fedper.names import dataset_title, model_title


def gather_metrics(clients: pd.DataFrame) -> dict:
    """Nest accuracy and spread of the last round by data set, model, k and method.

    clients: as of :func:`fedper.judge.histories.read_clients`.  A number is NaN if no run has it.
    """
    metrics: dict = {}
    for _, row in final_accuracy(clients).iterrows():
        k, k_p = row["classes_per_client"], row["personalization_layers"]
        place = metrics.setdefault(dataset_title(row["dataset"]), {})
        place = place.setdefault(model_title(row["model"]), {})
        if not pd.isna(k):
            place = place.setdefault(f"k = {k:.0f}", {})
        method = f"FedPer, K_P = {k_p}" if row["method"] == "FedPer" else row["method"]
        place[method] = {"accuracy": row["accuracy_mean"], "spread": row["client_sd"]}
    return metrics

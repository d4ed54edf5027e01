"""The numbers that the text of the report names, other than tables and verdicts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from fedper.errors import InputError
from fedper.files import expecting, raise_if_not_read
from fedper.judge.claims import LOW_AND_HIGH_K
from fedper.judge.moments import (
    MOMENTS,
    at_moments,
    differences_to_fedper,
    where_clients_differ_most,
)
from fedper.judge.rules import LEVEL, MARGIN, MARGIN_LOG_ODDS, MIN_SEEDS, MODEST, RULES
from fedper.names import dataset_order, dataset_title, model_title, real_name
from fedper.results.histories import (
    RUN_COLUMNS,
    describe_settings,
    read_about,
    read_csv,
    read_tests,
)
from fedper.results.summary import faults, final_accuracy, in_order

GROUP = ["dataset", "model", "classes_per_client", "settings"]


def gather_facts(clients: pd.DataFrame, folders: Sequence[Path]) -> dict:
    """Sum up runs for the report: headline, traffic, cost, versions, rules of judgement.

    A number is NaN if no run has it.

    Args:
        clients: as of :func:`fedper.results.histories.read_clients`, missing runs included.
        folders: of the runs that are there.

    Raises:
        InputError: a run's ``run.json`` or ``timing.csv`` cannot be read.
    """
    abouts = [read_about(folder) for folder in folders]
    made_by = [_made_by(folder, about) for folder, about in zip(folders, abouts, strict=True)]
    there = clients[clients["fault"] != "missing"]
    names = sorted((there if len(there) else clients)["dataset"].unique(), key=dataset_order)
    wrong = Counter(faults(clients)["fault"])
    timing = _read_timings(folders, abouts)
    return {
        "datasets": [dataset_title(name) for name in names],
        "stand_ins": [name for name in names if real_name(name) != name],
        "n_runs": len(clients.drop_duplicates(RUN_COLUMNS)),
        "n_missing": wrong["missing"],
        "n_diverged": wrong["diverged"],
        "seeds": sorted(int(seed) for seed in clients["seed"].unique()),
        "headline": _headline(final_accuracy(clients)),
        "moments": _moments(read_tests(folders)) if folders else [],
        "traffic": _traffic(clients),
        "cost": _cost(timing),
        "hours": float(timing[["training_s", "evaluation_s"]].to_numpy().sum() / 3600),
        "devices": _counted(device for device, _, _ in made_by),
        "versions": _counted(versions for _, versions, _ in made_by),
        "code": _counted(code for _, _, code in made_by),
        "n_trained": len(folders),
        "rules": {
            "text": RULES,
            "min_seeds": MIN_SEEDS,
            "margin": MARGIN,
            "margin_log_odds": MARGIN_LOG_ODDS,
            "level": LEVEL,
            "modest": MODEST,
        },
    }


def gather_metrics(clients: pd.DataFrame) -> dict:
    """Nest the headline's accuracies by data set and model, for ``dvc metrics``."""
    metrics: dict = {}
    for row in _headline(final_accuracy(clients)):
        of_model = metrics.setdefault(row["dataset"], {}).setdefault(row["model"], {})
        k = "" if row["k"] is None else f", k = {row['k']}"
        of_model[f"FedAvg{k}"], of_model[f"FedPer{k}"] = row["fedavg"], row["fedper"]
    return metrics


def _headline(table: pd.DataFrame) -> list[dict]:
    """FedAvg and FedPer (K_P = 2) where clients differ most, for each of the paper's data sets."""
    rows = []
    for (dataset, model, k, _), group in table.groupby(GROUP, dropna=False, sort=False):
        k = None if pd.isna(k) else k
        if k != LOW_AND_HIGH_K.get(real_name(dataset), ("no claim",))[0]:
            continue
        fedavg = group[group["method"] == "FedAvg"]
        fedper = group[(group["method"] == "FedPer") & (group["personalization_layers"] == 2)]
        if len(fedavg) == len(fedper) == 1:
            rows.append(
                {
                    "dataset": dataset_title(dataset),
                    "model": model_title(model),
                    "k": None if k is None else int(k),
                    "fedavg": fedavg["accuracy_mean"].item(),
                    "fedper": fedper["accuracy_mean"].item(),
                    "n_seeds_fedavg": _n_seeds(fedavg),
                    "n_seeds_fedper": _n_seeds(fedper),
                }
            )
    return rows


def _moments(tests: pd.DataFrame) -> list[dict]:
    """What FedAvg and FedPer score at the moments of the last round, where clients differ most.

    A row for each data set and model that has both methods before and after aggregation.
    """
    tests = where_clients_differ_most(tests)
    of_both = at_moments(tests[tests["method"].isin(["FedAvg", "FedPer"])])
    rows = []
    for _, here in of_both.groupby(GROUP, dropna=False, sort=False):
        table = differences_to_fedper(here).set_index(["method", "moment"])
        found = {
            moment: {
                "fedavg": table.loc[("FedAvg", moment), "accuracy_mean"],
                "fedper": table.loc[("FedPer", moment), "accuracy_mean"],
                **table.loc[("FedAvg", moment), ["difference", "low", "high"]],
                "n_seeds": int(table.loc[("FedAvg", moment), "n_seeds"]),
            }
            for moment in MOMENTS
            if {("FedAvg", moment), ("FedPer", moment)} <= set(table.index)
        }
        if {*MOMENTS[:2]} <= set(found):
            first = here.iloc[0]
            names = {
                "dataset": dataset_title(first["dataset"]),
                "model": model_title(first["model"]),
            }
            k = first["classes_per_client"]
            rows.append({**names, "k": None if pd.isna(k) else int(k), "at": found})
    return rows


def _n_seeds(row: pd.DataFrame) -> int:
    """Count the seeds that a mean is over."""
    return int((row["n_seeds"] - row["n_missing"] - row["n_diverged"]).item())


def _traffic(clients: pd.DataFrame) -> list[dict]:
    """Bytes that one client sends and receives in a round, by model and K_P."""
    plain = clients[clients["method"].isin(["FedAvg", "FedPer"])].dropna(subset="accuracy")
    rows = []
    for (dataset, model), group in plain.groupby(["dataset", "model"], sort=False):
        sent = (group["bytes_up"] + group["bytes_down"]).groupby(group["personalization_layers"])
        rows.append(
            {
                "dataset": dataset_title(dataset),
                "model": model_title(model),
                "megabytes": {str(k_p): value / 1e6 for k_p, value in sent.mean().items()},
            }
        )
    return rows


def _cost(timing: pd.DataFrame) -> list[dict]:
    """Seconds of a round, by data set and model: median over the rounds of all runs."""
    return [
        {
            "dataset": dataset_title(dataset),
            "model": model_title(model),
            "training_s": float(rounds["training_s"].median()),
            "evaluation_s": float(rounds["evaluation_s"].median()),
            "n_rounds": len(rounds),
        }
        for (dataset, model), rounds in in_order(timing).groupby(["dataset", "model"], sort=False)
    ]


def _counted(values: Iterable[str]) -> list[dict]:
    """List each value with the number of runs that have it."""
    return [{"value": value, "n_runs": n} for value, n in sorted(Counter(values).items())]


def _made_by(folder: Path, about: dict) -> tuple[str, str, str]:
    """Name the machines that computed a run, one after another; versions; the training code."""
    with expecting(folder / "run.json", "training"):
        first, *others = about.get("machines", [about])
        later = [f"then {one['device']} from round {one['from_round']}" for one in others]
        versions = (f"{name} {version}" for name, version in about["versions"].items())
        texts = ", ".join([first["device"], *later]), ", ".join(versions), about["code_sha256"]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("code_sha256 is no text")
    return texts


def _read_timings(folders: Sequence[Path], abouts: list[dict]) -> pd.DataFrame:
    """Read how long each round of each run took, in seconds; with data set and model."""
    frames = [pd.DataFrame(columns=["dataset", "model", "training_s", "evaluation_s"])]
    for folder, about in zip(folders, abouts, strict=True):
        try:
            timing = read_csv(folder, "timing.csv", about)[["training_s", "evaluation_s"]]
        except (OSError, ValueError, KeyError) as error:
            raise_if_not_read(error, folder / "timing.csv")
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}/timing.csv: {reason}; train this run again") from error
        columns = describe_settings(about["run"])
        frames.append(timing.assign(dataset=columns["dataset"], model=columns["model"]))
    return pd.concat(frames, ignore_index=True)

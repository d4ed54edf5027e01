"""What each method scores before aggregation, after it, and after fine-tuning.

Before aggregation each client has the model that it has just trained. After aggregation it has the
averaged base. The difference is what averaging does to the client.
"""

import pandas as pd

from fedper.judge.comparisons import interval
from fedper.method import Test
from fedper.results.histories import RUN_COLUMNS
from fedper.results.summary import TUNED_FIRST, last_round, of_all_clients

MOMENTS = ("before aggregation", "after aggregation", "after fine-tuning")

K_P = 2
"""Number of personalization layers of FedPer and its relatives."""


def where_clients_differ_most(tests: pd.DataFrame) -> pd.DataFrame:
    """Keep the smallest k of each data set, and K_P layers of FedPer and its relatives."""
    k, k_p = tests["classes_per_client"], tests["personalization_layers"]
    differ_most = k.isna() | (k == k.groupby(tests["dataset"]).transform("min"))
    is_other_depth = tests["method"].str.startswith("FedPer") & (k_p != K_P)
    return tests[differ_most & ~is_other_depth]


def at_moments(tests: pd.DataFrame) -> pd.DataFrame:
    """Average each run's last round over clients, at each of the MOMENTS.

    The tests are those with the BatchNorm statistics of the run's reference. "FedPer fine-tuned"
    tunes in training, when the new base arrives. Of any other method, all layers are trained for an
    epoch, for the test alone.

    Args:
        tests: as of :func:`fedper.results.histories.read_tests`.

    Returns:
        a row for each run and moment: RUN_COLUMNS, moment, accuracy, floor. A missing run has one
        row.
    """
    last = last_round(tests)
    is_missing = last["fault"] == "missing"
    last, missing = last[~is_missing], last[is_missing].drop_duplicates(RUN_COLUMNS)
    of_run = (
        last["test"]
        .where(last["reference"])
        .groupby([last[name] for name in RUN_COLUMNS], dropna=False, sort=False)
    )
    named = zip(last["method"], last["test"], of_run.transform("first"), strict=True)
    moment = [_moment(method, test, reference) for method, test, reference in named]
    rows = last.assign(moment=moment).dropna(subset="moment")
    rows = pd.concat([rows, missing.assign(moment=MOMENTS[1])])
    keys = [*RUN_COLUMNS, "moment"]
    means = {name: of_all_clients(rows, keys, name, "mean") for name in ("accuracy", "floor")}
    return pd.DataFrame(means).reset_index()


def _moment(method: str, test: str, reference: str) -> str | None:
    """Tell which of the MOMENTS a test of a method is about; None: none of them."""
    _, batchnorm = reference.split(" ", maxsplit=1)
    if method == "FedPer fine-tuned":
        return {
            f"before {batchnorm}": MOMENTS[0],
            f"after {batchnorm}": MOMENTS[1],
            reference: MOMENTS[2],
        }.get(test)
    tuned = Test("end", batchnorm, train=(TUNED_FIRST,)).name
    found = {f"before {batchnorm}": MOMENTS[0], reference: MOMENTS[1], tuned: MOMENTS[2]}
    return found.get(test)


def differences_to_fedper(runs: pd.DataFrame) -> pd.DataFrame:
    """Compare each method with FedPer at the same moment, seed by seed.

    Args:
        runs: as of :func:`at_moments`; all runs of FedPer have the same K_P.

    Returns:
        a row for each setting and moment:

        - accuracy_mean, accuracy_sd, n_seeds: of the runs that have an accuracy.
        - difference: FedPer's accuracy minus the method's, mean over the seeds that both have; NaN
          for FedPer itself.
        - low, high: its 95 % interval by Student's t, uncorrected.
    """
    keys = ["dataset", "model", "classes_per_client", "settings", "moment"]
    rows = []
    for place, here in runs.groupby(keys, dropna=False):
        fedper = here[here["method"] == "FedPer"].set_index("seed")["accuracy"]
        for (method, k_p), own in here.groupby(["method", "personalization_layers"]):
            values = own.set_index("seed")["accuracy"].dropna()
            gaps = (fedper - values).dropna()
            low, high = interval(gaps.to_numpy())
            row = {"accuracy_mean": values.mean(), "accuracy_sd": values.std()}
            row |= {"n_seeds": len(values), "difference": gaps.mean(), "low": low, "high": high}
            names = {"method": method, "personalization_layers": k_p}
            rows.append({**dict(zip(keys, place, strict=True)), **names, **row})
    table = pd.DataFrame(rows)
    to_itself = table["method"] == "FedPer"
    table.loc[to_itself, ["difference", "low", "high"]] = float("nan")
    return table

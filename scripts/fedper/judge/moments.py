"""What each method scores before aggregation, after it, and after fine-tuning.

Before aggregation a client's model is fresh from its own training, whatever the method. So the
three moments tell apart what a method learns and what averaging takes away.
"""

import pandas as pd

from fedper.judge.comparisons import interval
from fedper.method import Test
from fedper.results.histories import RUN_COLUMNS
from fedper.results.summary import TUNED_FIRST, last_round, of_all_clients

MOMENTS = ("before aggregation", "after aggregation", "after fine-tuning")

K_P = 2
"""Of FedPer and its relatives."""


def where_clients_differ_most(tests: pd.DataFrame) -> pd.DataFrame:
    """Keep of each data set the smallest k, and of FedPer and its relatives those with K_P."""
    k, k_p = tests["classes_per_client"], tests["personalization_layers"]
    differ_most = k.isna() | (k == k.groupby(tests["dataset"]).transform("min"))
    is_other_depth = tests["method"].str.startswith("FedPer") & (k_p != K_P)
    return tests[differ_most & ~is_other_depth]


def at_moments(tests: pd.DataFrame) -> pd.DataFrame:
    """Average each run's last round over clients: RUN_COLUMNS, moment, accuracy and floor.

    tests: as of :func:`fedper.results.histories.read_tests`; BatchNorm is that of each run's
    reference.  Fine-tuned is a model whose method does so when the new base arrives; of any other,
    all its layers are trained for an epoch, for the test alone.  A missing run has one row.
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
    """Tell at which moment a test of a method looks; None for any other."""
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

    runs: as of :func:`at_moments`, FedPer with one K_P.  Returns a row for each setting and moment:
    accuracy_mean, accuracy_sd and n_seeds of the runs that have an accuracy; difference, FedPer's
    accuracy minus the method's, mean over the seeds of both (NaN for FedPer itself); low and high,
    its 95 % interval of Student's t, uncorrected.
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

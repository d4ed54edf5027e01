"""C10, communication saved: counted from the bytes that clients send and receive."""

import numpy as np
import pandas as pd

from fedper.judge.claims import TRAFFIC, Part
from fedper.judge.comparisons import P_VALUES
from fedper.judge.rules import AGAINST, MODEST, NO_DATA, NOT_JUDGED, REPRODUCED
from fedper.judge.verdicts import part_of, whole
from fedper.names import model_order, real_name


def judge_traffic(last: pd.DataFrame) -> dict:
    """Judge which share of a client's bytes FedPer saves (rule 10).

    Args:
        last: as of :func:`fedper.results.summary.last_round`.

    Returns:
        a claim as :func:`fedper.judge.verdicts.judge` does. The effect of a comparison is the share
        that is saved, 0 … 1, without interval and p.
    """
    sent = last.assign(
        real=last["dataset"].map(real_name), bytes=last["bytes_up"] + last["bytes_down"]
    ).dropna(subset="bytes")
    sent = sent[sent["method"].isin(["FedAvg", "FedPer"])]
    parts = []
    for part in TRAFFIC.parts:
        here = sent[sent["real"] == part.dataset]
        models = sorted(here["model"].unique(), key=model_order)
        parts += [_part(part, model, here[here["model"] == model]) for model in models]
        parts += [] if models else [part_of(part, "", [], NO_DATA, "")]
    return whole(TRAFFIC, parts)


def _part(part: Part, model: str, sent: pd.DataFrame) -> dict:
    """Judge one data set and model by what K_P = 2 saves."""
    shares = _shares(sent)
    decisive = [one["mean"] for one in shares if one["k_p"] == 2]
    if not decisive:
        return part_of(part, model, shares, NOT_JUDGED, "no runs of FedAvg and of K_P = 2")
    verdict = REPRODUCED if decisive[0] < MODEST else AGAINST
    return part_of(part, model, shares, verdict, f"{decisive[0]:.0%} stay home at K_P = 2")


def _shares(sent: pd.DataFrame) -> list[dict]:
    """Compare FedPer's bytes with FedAvg's, for each K_P of one data set and model."""
    bytes_of = sent.groupby("personalization_layers")["bytes"].mean()
    shares = []
    for k_p in [k for k in bytes_of.index if k > 0 and 0 in bytes_of.index]:
        rows = sent[sent["personalization_layers"] == k_p]
        names = rows["dataset"][rows["dataset"] != rows["real"]]
        n_seeds = int(rows["seed"].nunique())
        shares.append(
            {
                "text": f"share of bytes that stay home, K_P = {k_p}",
                "k_p": int(k_p),
                "says": "gone",
                "claimed": f"< {MODEST:g}" if k_p == 2 else "-",
                "measure": "bytes",
                "is_judged": k_p == 2,
                "stand_ins": sorted(names.unique()),
                "guesses": 0,
                "fault": "counted",
                "planned": n_seeds,
                "seeds": n_seeds,
                "mean": float(1 - bytes_of[k_p] / bytes_of[0]),
                **dict.fromkeys(["low", "high", *P_VALUES], np.nan),
            }
        )
    return shares

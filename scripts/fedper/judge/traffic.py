"""C10, communication saved: counted from the bytes that clients sent and received."""

import numpy as np
import pandas as pd

from fedper.judge.claims import TRAFFIC
from fedper.judge.rules import MODEST
from fedper.judge.verdicts import part_of, whole
from fedper.names import model_order, model_title, real_name


def judge_traffic(last: pd.DataFrame) -> dict:
    """Say which share of a client's bytes stays home, by data set, model and K_P (rule 8).

    last: as of :func:`fedper.judge.summary.last_round`. Returns a claim as
    :func:`fedper.judge.verdicts.judge` does; the effect of a comparison is the share, 0 … 1, and it
    has neither interval nor p.
    """
    sent = last.assign(
        real=last["dataset"].map(real_name), bytes=last["bytes_up"] + last["bytes_down"]
    ).dropna(subset="bytes")
    sent = sent[sent["method"].isin(["FedAvg", "FedPer"])]
    parts = []
    for part in TRAFFIC.parts:
        shares = _shares(sent[sent["real"] == part.dataset])
        decisive = [one["mean"] for one in shares if one["k_p"] == 2]
        verdict = ("no data", "")
        if shares:
            verdict = ("inconclusive", "no runs of K_P = 2")
        if decisive:
            modest = max(decisive) < MODEST
            reason = f"{min(decisive):.0%} to {max(decisive):.0%} stay home at K_P = 2"
            verdict = ("reproduced" if modest else "not reproduced", reason)
        parts.append(part_of(part, shares, *verdict, np.nan, np.nan))
    return whole(TRAFFIC, parts)


def _shares(sent: pd.DataFrame) -> list[dict]:
    """Compare FedPer's bytes with FedAvg's, for each model and K_P of one data set."""
    bytes_of = sent.groupby(["model", "personalization_layers"])["bytes"].mean()
    shares = []
    for model in sorted(sent["model"].unique(), key=model_order):
        of_model = bytes_of[model]
        for k_p in [k for k in of_model.index if k > 0 and 0 in of_model.index]:
            rows = sent[(sent["model"] == model) & (sent["personalization_layers"] == k_p)]
            names = rows["dataset"][rows["dataset"] != rows["real"]]
            shares.append(
                {
                    "text": f"share of bytes that stay home, K_P = {k_p}",
                    "k_p": int(k_p),
                    "above": -np.inf,
                    "below": MODEST,
                    "claimed": f"< {MODEST:g}" if k_p == 2 else "-",
                    "models": [model_title(model)],
                    "stand_ins": sorted(names.unique()),
                    "fault": "counted",
                    "seeds": int(rows["seed"].nunique()),
                    "mean": float(1 - of_model[k_p] / of_model[0]),
                    **dict.fromkeys(["low", "high", "p", "p_against"], np.nan),
                }
            )
    return shares

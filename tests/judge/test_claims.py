"""Verdicts on histories whose truth is known."""

import html
import json
import runpy

import numpy as np
import pandas as pd
import pytest
from conftest import RUN, change, run_main, write_run
from fedper import names
from fedper.judge import claims
from fedper.judge.claims import CLAIMS
from fedper.judge.histories import RUN_COLUMNS
from fedper.judge.rules import LEVEL, MARGIN, MODEST
from fedper.judge.traffic import judge_traffic
from fedper.judge.verdicts import holm, judge, whole
from fedper.report.claims_text import to_markdown
from scipy import stats

BY_NAME = {claim.name: claim for claim in CLAIMS}
CHANCE = {"cifar10": 0.5, "cifar100": 0.4, "flickr_aes": 0.3}


def rows(generator, n_seeds, effects, noise=0.02, clients=10, spread=0.05):
    """Draw last rounds of every setting that a claim needs.

    effects: {(dataset, k, method, K_P) or a shorter tuple of its first parts: added accuracy}.
    noise: of a run's mean, common to its clients. spread: of clients, by method.
    """
    depths = {"FedAvg": [0], "FedPer": [1, 2, 3, 4], "local training": [15],
              "FedPer fine-tuned": [2], "FedPer linear base": [2]}  # fmt: skip
    frames = []
    for dataset, base in CHANCE.items():
        for k in {"cifar10": (4, 10), "cifar100": (40, 100)}.get(dataset, (np.nan,)):
            of_seed = generator.normal(0, 0.05, n_seeds)
            for method, k_ps in depths.items():
                for k_p in k_ps:
                    key = (dataset, k, method, k_p)
                    added = sum(value for name, value in effects.items() if _matches(name, key))
                    for seed in range(n_seeds):
                        mean = base + of_seed[seed] + added + generator.normal(0, noise)
                        sd = spread[method] if isinstance(spread, dict) else spread
                        frames.append(
                            pd.DataFrame(
                                {
                                    "dataset": dataset, "model": "mobilenet_v1", "method": method,
                                    "classes_per_client": k, "personalization_layers": k_p,
                                    "settings": "usual", "seed": seed, "round": 20,
                                    "client": range(clients),
                                    "accuracy": mean + generator.normal(0, sd, clients),
                                }
                            )
                        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _matches(name, key):
    return all(part in (None, value) for part, value in zip(name, key, strict=False))


TRUE_PAPER = {
    (None, None, "FedPer"): 0.2,
    (None, None, "FedPer fine-tuned"): 0.2,
    ("cifar10", 10, "FedPer"): -0.25,
    ("cifar100", 100, "FedPer"): -0.25,
    ("cifar100", 40, "FedPer fine-tuned"): 0.1,
    ("cifar100", 100, "FedPer fine-tuned"): 0.1,
}


def verdicts(frame):
    return {claim["claim"]: claim["verdict"] for claim in judge(frame)}


def parts(judged):
    """List the parts of all claims by claim and data set."""
    return {(claim["claim"], part["dataset"]): part for claim in judged for part in claim["parts"]}


PARTS = [(claim.name, part.dataset) for claim in CLAIMS for part in claim.parts]


def test_a_world_in_which_the_paper_is_right_is_found_so():
    frame = rows(
        np.random.default_rng(0), 5, TRUE_PAPER, noise=0.004,
        spread={"FedAvg": 0.2, "FedPer": 0.02, "local training": 0.05,
                "FedPer fine-tuned": 0.02, "FedPer linear base": 0.02},
        clients=30,
    )  # fmt: skip
    assert verdicts(frame) == dict.fromkeys(BY_NAME, "reproduced")


def test_a_world_in_which_the_paper_is_wrong_is_found_so():
    effects = {(None, None, "FedPer"): -0.2, (None, None, "FedPer fine-tuned"): -0.4}
    judged = judge(rows(np.random.default_rng(1), 5, effects))
    found = {of: part["verdict"] for of, part in parts(judged).items()}
    # the same at every k and the same spread: nothing to find for C2 and C6
    nothing = {of for of in PARTS if of[0] in ("C2", "C6")}
    assert {of for of, verdict in found.items() if verdict == "inconclusive"} == nothing
    assert "reproduced" not in found.values()
    assert "reproduced" not in {claim["verdict"] for claim in judged}


N_WORLDS = 60

AT_THE_EDGE = tuple(BY_NAME[name] for name in ("C1", "C4", "C5", "C6", "C8", "C9"))
"""Claims for which no effect is the edge of the hypothesis; C2, C3 and C7 say "small" as well."""


@pytest.fixture(scope="module")
def null_worlds():
    """Verdicts in simulated worlds without any effect: 5 seeds, 10 clients, three data sets."""
    frame = rows(np.random.default_rng(0), 5, {})
    run = frame.groupby(RUN_COLUMNS, dropna=False).ngroup().to_numpy()
    worlds = []
    for world in range(N_WORLDS):
        generator = np.random.default_rng(world)
        of_run = generator.normal(0.5, 0.02, run.max() + 1)  # the luck that its clients share
        accuracy = of_run[run] + generator.normal(0, 0.05, len(run))
        worlds.append(judge(frame.assign(accuracy=accuracy), AT_THE_EDGE))
    return worlds


def fits(n_found, rate):
    """Tell whether so many of N_WORLDS, or more, are likelier than 1 in 1,000 at that rate."""
    return stats.binom.sf(n_found - 1, N_WORLDS, rate) > 0.001


def test_under_the_null_hardly_any_claim_is_reproduced(null_worlds):
    found = sum(
        any(part["verdict"] == "reproduced" for part in parts(judged).values())
        for judged in null_worlds
    )
    assert fits(found, LEVEL)
    # most parts are one comparison each, so without a correction their rate adds up
    alone = sum(any(part["p"] < LEVEL for part in parts(judged).values()) for judged in null_worlds)
    assert alone > 2 * found
    # no claim is reproduced by fewer parts than it has
    for judged in null_worlds:
        for claim in judged:
            alike = {part["verdict"] for part in claim["parts"]} == {"reproduced"}
            assert (claim["verdict"] == "reproduced") == alike


@pytest.mark.parametrize("of", [of for of in PARTS if BY_NAME[of[0]] in AT_THE_EDGE], ids="-".join)
def test_under_the_null_hardly_any_part_is_not_reproduced(null_worlds, of):
    """One comparison of several is enough for it, so each is held to a stricter level."""
    found = sum(parts(judged)[of]["verdict"] == "not reproduced" for judged in null_worlds)
    assert fits(found, LEVEL / 2)


@pytest.mark.parametrize(
    ("verdicts_of_parts", "verdict"),
    [
        ("reproduced reproduced reproduced", "reproduced"),
        ("reproduced reproduced no_data", "reproduced"),
        ("reproduced not_reproduced no_data", "mixed"),
        ("reproduced not_reproduced inconclusive", "mixed"),
        ("not_reproduced inconclusive no_data", "not reproduced"),
        ("reproduced inconclusive no_data", "inconclusive"),
        ("inconclusive inconclusive inconclusive", "inconclusive"),
        ("no_data no_data no_data", "no data"),
    ],
)
def test_a_claim_follows_from_its_parts(verdicts_of_parts, verdict):
    """The table of rule 5."""
    of_parts = [word.replace("_", " ") for word in verdicts_of_parts.split()]
    titles = ["CIFAR-10", "CIFAR-100", "FLICKR-AES"]
    made = [
        {"title": title, "verdict": of_part, "reason": "", "stand_ins": []}
        for title, of_part in zip(titles, of_parts, strict=True)
    ]
    found = whole(BY_NAME["C6"], made)
    assert found["verdict"] == verdict
    for title, of_part in zip(titles, of_parts, strict=True):  # "reproduced on CIFAR-10, ...; ..."
        (group,) = [g for g in found["reason"].split("; ") if g.startswith(f"{of_part} on ")]
        assert title in group.removeprefix(f"{of_part} on ").split(", ")


def test_data_sets_that_are_not_there_leave_a_claim_to_the_others():
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER, noise=0.004)
    judged = {c["claim"]: c for c in judge(frame[frame["dataset"] != "flickr_aes"])}
    assert judged["C8"]["verdict"] == "reproduced"
    assert judged["C8"]["reason"] == "reproduced on CIFAR-10, CIFAR-100; no data on FLICKR-AES"
    assert judged["C5"]["verdict"] == "no data"
    assert judged["C7"]["verdict"] == "reproduced"


def test_clients_that_were_pooled_would_find_what_is_not_there():
    """Why the unit is the seed (rule 1): clients of a run share its luck."""
    generator = np.random.default_rng(0)
    found, n_worlds = 0, 400
    for _ in range(n_worlds):
        of_run = generator.normal(0, 0.02, (5, 1)) + generator.normal(0, 0.02, (5, 10))
        found += stats.ttest_1samp(of_run.ravel(), 0).pvalue < LEVEL
    assert found > 0.2 * n_worlds  # against LEVEL, 0.05


def test_a_large_effect_is_found_nearly_always():
    claims = (BY_NAME["C1"],)
    found = [
        judge(rows(np.random.default_rng(w), 5, {(None, None, "FedPer"): 0.2}), claims)[0][
            "verdict"
        ]
        for w in range(20)
    ]
    assert found.count("reproduced") >= 19


@pytest.mark.parametrize(("n_seeds", "words"), [(1, "1 seed"), (2, "2 seeds")])
def test_few_seeds_are_inconclusive_however_large_the_effect(n_seeds, words):
    judged = judge(rows(np.random.default_rng(0), n_seeds, TRUE_PAPER, noise=0.001))
    assert {claim["verdict"] for claim in judged} == {"inconclusive"}
    of_parts = parts(judged).values()
    assert {part["verdict"] for part in of_parts} == {"inconclusive"}
    assert {part["reason"] for part in of_parts} == {words}


def test_missing_and_diverged_runs_are_said_and_not_guessed():
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER)
    gone = (frame["dataset"] == "flickr_aes") & (frame["method"] == "FedAvg")
    judged = {claim["claim"]: claim for claim in judge(frame[~gone])}
    assert judged["C5"]["verdict"] == "inconclusive"
    assert judged["C5"]["reason"] == "no runs of FedAvg on FLICKR-AES"
    one_run = gone & (frame["seed"] == 3)
    for lost in (one_run, one_run & (frame["client"] == 4)):  # a whole run, or one client of it
        judged = judge(frame.assign(accuracy=frame["accuracy"].mask(lost)))
        judged = {claim["claim"]: claim for claim in judged}
        assert judged["C5"]["verdict"] == "inconclusive"
        assert (
            judged["C5"]["reason"]
            == "missing or diverged: FedAvg on FLICKR-AES, MobileNet-v1, seed 3"
        )
        assert judged["C1"]["verdict"] == "reproduced"


def test_a_model_with_fewer_seeds_takes_no_part():
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER)
    once = frame[frame["seed"] == 0].assign(model="resnet34", accuracy=0.0)
    (one,), (two,) = (judge(f, (BY_NAME["C5"],)) for f in (frame, pd.concat([frame, once])))
    assert one == two


def test_sides_with_different_seeds_are_compared_on_those_that_both_have():
    """k = 4 with five seeds, k = 10 with one: one pair, so no verdict."""
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER)
    fewer = frame[(frame["classes_per_client"] != 10) | (frame["seed"] == 0)]
    (judged,) = judge(fewer, (BY_NAME["C2"],))
    assert (judged["verdict"], judged["reason"]) == ("inconclusive", "1 seed")


def test_a_claim_of_which_a_part_cannot_be_tested_is_not_in_the_correction():
    """CIFAR-10 and -100 with three seeds at low k, one at high, no FLICKR-AES."""
    frame = rows(np.random.default_rng(0), 3, TRUE_PAPER)
    once = ~frame["classes_per_client"].isin([4, 40]) & (frame["seed"] > 0)
    frame = frame[~once & (frame["dataset"] != "flickr_aes")]
    # and of what is left only C1 and C6
    of_parts = parts(judge(frame, tuple(BY_NAME[name] for name in ("C1", "C2", "C3", "C5", "C6"))))
    reasons = {of: part["reason"] for of, part in of_parts.items()}
    assert reasons["C2", "cifar10"] == reasons["C3", "cifar100"] == "1 seed"
    untested = {of for of, part in of_parts.items() if np.isnan(part["p_corrected"])}
    flickr = {("C5", "flickr_aes"), ("C6", "flickr_aes")}
    assert untested == {("C2", "cifar10"), ("C3", "cifar100"), *flickr}
    assert {of_parts[of]["verdict"] for of in flickr} == {"no data"}
    # three tests are left: by hand, the smallest p times 3, the next times 2, never falling
    tested = sorted(
        (part for of, part in of_parts.items() if of not in untested), key=lambda part: part["p"]
    )
    smallest, middle, largest = (part["p"] for part in tested)
    by_hand = [3 * smallest, max(3 * smallest, 2 * middle), max(3 * smallest, 2 * middle, largest)]
    assert [part["p_corrected"] for part in tested] == pytest.approx(np.minimum(by_hand, 1))


def test_stand_ins_are_marked_claim_by_claim():
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER)
    frame["dataset"] = frame["dataset"].replace("flickr_aes", "simulated (stand-in for flickr_aes)")
    judged = {claim["claim"]: claim for claim in judge(frame)}
    assert judged["C1"]["stand_ins"] == []
    assert judged["C5"]["stand_ins"] == ["simulated (stand-in for flickr_aes)"]
    text = to_markdown(list(judged.values()), ["simulated (stand-in for flickr_aes)"], "note")
    (line,) = [line for line in text.splitlines() if line.startswith("| C1: ")]
    assert "stand-in" not in line


def test_runs_with_other_settings_are_pairs_of_their_own():
    frame = rows(np.random.default_rng(0), 3, {})
    frame["accuracy"] = 0.5 + 0.1 * (frame["method"] == "FedPer") + 0.01 * frame["seed"]
    other = frame.assign(settings="other")
    other["accuracy"] += 0.2 * (other["method"] == "FedPer")
    judged = parts(judge(pd.concat([frame, other]), (BY_NAME["C5"],)))["C5", "flickr_aes"]
    # 0.1 in one, 0.3 in the other
    assert judged["comparisons"][0]["mean"] == pytest.approx(0.2)


def test_only_models_with_runs_on_both_sides_are_compared():
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER)
    alone = frame[(frame["dataset"] == "flickr_aes") & (frame["method"] == "FedPer")]
    more = pd.concat([frame, alone.assign(model="resnet34", accuracy=0.0)])
    (one,), (two,) = (judge(f, (BY_NAME["C5"],)) for f in (frame, more))
    assert one == two
    assert two["parts"][0]["comparisons"][0]["models"] == ["MobileNet-v1"]


def test_effect_and_interval_against_numbers_by_hand():
    frame = rows(np.random.default_rng(0), 4, {}, clients=2)
    by_hand = []
    for seed, (fedavg, fedper) in enumerate([(0.5, 0.6), (0.4, 0.7), (0.6, 0.8), (0.5, 0.7)]):
        for method, k_p, value in (("FedAvg", 0, fedavg), ("FedPer", 2, fedper)):
            here = (frame["dataset"] == "flickr_aes") & (frame["seed"] == seed)
            here &= (frame["method"] == method) & (frame["personalization_layers"] == k_p)
            frame.loc[here, "accuracy"] = [value - 0.1, value + 0.1]
        by_hand.append(fedper - fedavg)
    (part,) = parts(judge(frame, (BY_NAME["C5"],)))["C5", "flickr_aes"]["comparisons"]
    mean, sd = np.mean(by_hand), np.std(by_hand, ddof=1)
    assert part["mean"] == pytest.approx(mean)
    # 3.182446 is Student's t at 0.975 with 3 degrees of freedom
    assert part["high"] - mean == pytest.approx(3.182446 * sd / 2, rel=1e-5)
    assert mean - part["low"] == pytest.approx(3.182446 * sd / 2, rel=1e-5)
    assert part["seeds"] == 4
    assert part["p"] == pytest.approx(stats.ttest_1samp(by_hand, 0, alternative="greater").pvalue)


def test_holm_against_an_example_by_hand():
    corrected = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(corrected, [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1, 1])


def test_nothing_means_within_the_margin():
    claim = BY_NAME["C7"]
    (nothing,) = claim.parts[1].comparisons
    assert (nothing.above, nothing.below) == (-MARGIN, MARGIN)
    assert nothing.claimed == "-0.02 to 0.02"
    effects = {("cifar100", None, "FedPer fine-tuned"): 0.3}
    frame = rows(np.random.default_rng(0), 5, effects, noise=0.001, spread=0.001)
    assert judge(frame, (claim,))[0]["verdict"] == "reproduced"
    effects[("flickr_aes", None, "FedPer fine-tuned")] = 0.1
    frame = rows(np.random.default_rng(0), 5, effects, noise=0.001, spread=0.001)
    (judged,) = judge(frame, (claim,))
    assert judged["verdict"] == "mixed"
    assert judged["reason"] == "reproduced on CIFAR-100; not reproduced on FLICKR-AES"
    assert judged["parts"][1]["reason"].endswith("FLICKR-AES, K_P = 2")


def test_what_stays_home_is_counted_from_bytes():
    """C10: 2 bytes of 10 stay home at K_P = 2 in one model, 6 in the other."""
    frame = rows(np.random.default_rng(0), 2, {})
    sent = {0: 10, 1: 9, 2: 8, 3: 7, 4: 6}
    frame = frame.assign(bytes_up=frame["personalization_layers"].map(sent), bytes_down=0.0)
    frame["bytes_down"] = frame["bytes_up"]
    judged = judge_traffic(frame)
    assert (judged["claim"], judged["verdict"]) == ("C10", "reproduced")
    of_cifar = judged["parts"][0]["comparisons"]
    assert [one["k_p"] for one in of_cifar] == [1, 2, 3, 4]
    assert [one["mean"] for one in of_cifar] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert judged["parts"][0]["reason"] == "20% to 20% stay home at K_P = 2"
    wide = frame.assign(
        model="resnet34", bytes_up=frame["bytes_up"].where(frame["personalization_layers"] == 0, 4)
    )
    wide["bytes_down"] = wide["bytes_up"]
    judged = judge_traffic(pd.concat([frame, wide[wide["dataset"] == "cifar10"]]))
    assert MODEST < 1 - 4 / 10
    assert [part["verdict"] for part in judged["parts"]] == [
        "not reproduced",
        "reproduced",
        "reproduced",
    ]
    assert judged["verdict"] == "mixed"
    without = frame[(frame["personalization_layers"] != 2) & (frame["dataset"] == "cifar10")]
    judged = judge_traffic(without)
    assert [part["verdict"] for part in judged["parts"]] == ["inconclusive", "no data", "no data"]


def test_the_script_writes_its_files_and_says_stand_in(tmp_path):
    folders = []
    for k_p in (0, 2):
        run = change(RUN, stand_in={"source": "digits"}, personalization_layers=k_p)
        folders.append(write_run(tmp_path / run.name, run, [(1, 2)]))
    status, message = run_main(
        "judge_claims.py", "--runs", *folders, "--note", "a note", "--out", tmp_path / "claims"
    )
    assert status == 0, message
    about = json.loads((tmp_path / "claims.json").read_text())
    assert about["stand_ins"] == ["digits (stand-in for cifar10)"]
    assert [claim["claim"] for claim in about["claims"]] == [f"C{n}" for n in range(1, 11)]
    assert about["claims"][0]["reason"] == "1 seed"
    compared = {of: part["comparisons"] for of, part in parts(about["claims"]).items()}
    assert parts(about["claims"])["C1", "cifar10"]["p"] is None
    seen = {of: [(one["claimed"], one["models"]) for one in ones] for of, ones in compared.items()}
    assert seen["C2", "cifar10"] == [("> 0", []), ("< 0.02", [])]
    assert seen["C1", "cifar10"] == [("> 0", ["ResNet-34"])]
    for suffix in ("md", "html"):
        text = html.unescape((tmp_path / f"claims.{suffix}").read_text())
        assert "inconclusive (stand-in data)" in text
        assert "they say nothing about the paper's claims" in " ".join(text.split())
        assert "corrected together by Holm" in text


def test_the_text_shows_effects_with_their_sign():
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER)
    text = to_markdown(judge(frame), [], "note")
    assert "+0.2" in text
    assert "stand-in" not in text.split("## Rules")[0]
    assert names.MODELS["mobilenet_v1"].n_layers == 15  # as in ``rows``


def test_a_further_data_set_does_not_become_part_of_a_claim(monkeypatch):
    """All that is judged names its data sets: the paper's claims do not grow by themselves."""
    added = names.DatasetRecord("SVHN", n_classes=10, clients="classes", layouts=())
    monkeypatch.setattr(names, "DATASETS", {**names.DATASETS, "svhn": added})
    again = runpy.run_path(claims.__file__)["CLAIMS"]
    of = {
        name for claim in again for part in claim.parts for comparison in part.comparisons
        for name in (part.dataset, *(arm.dataset for _, arm in comparison.terms))
    }  # fmt: skip
    assert of == {"cifar10", "cifar100", "flickr_aes"}
    frame = rows(np.random.default_rng(0), 5, TRUE_PAPER)
    svhn = frame[frame["dataset"] == "cifar10"].assign(dataset="svhn", accuracy=0.0)
    assert judge(pd.concat([frame, svhn])) == judge(frame)

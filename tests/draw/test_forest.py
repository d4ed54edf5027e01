"""The forest plot of all verdicts, with few effects and with many."""

import pytest
from canvas import must_hold_its_texts, texts_of
from fedper.draw.forest import COLOURS, draw_forest, effects_of_claims
from fedper.judge.rules import AGAINST, NOT_JUDGED, REPRODUCED
from matplotlib.colors import to_hex

NOTE = "CIFAR-10; CIFAR-100, a fifth of its training images; scale test; 5 seeds"


def comparison(mean, low=None, high=None, measure="accuracy", is_judged=True, seeds=5):
    return {
        "text": f"FedPer - FedAvg, CIFAR-100, K_P = 2, k = 40, {measure}", "measure": measure,
        "is_judged": is_judged, "mean": mean, "low": low, "high": high, "seeds": seeds,
        "stand_ins": [],
    }  # fmt: skip


def claim(name, *parts):
    return {
        "claim": name,
        "parts": [
            {"model": model, "verdict": verdict, "comparisons": list(comparisons)}
            for model, verdict, comparisons in parts
        ],
    }


CLAIMS = [
    claim("C1", ("MobileNet-v1", REPRODUCED, [comparison(0.3, 0.2, 0.4)]),
          ("ResNet-34", NOT_JUDGED, [comparison(0.5, seeds=1)])),
    claim("C2", ("MobileNet-v1", AGAINST, [comparison(-0.2, -0.25, -0.15), comparison(None)])),
    claim("C6", ("MobileNet-v1", REPRODUCED, [
        comparison(0.7, 0.5, 0.9, "log odds"), comparison(0.1, 0.0, 0.2, "spread", False)])),
    claim("C10", ("MobileNet-v1", REPRODUCED, [comparison(0.1, measure="bytes")])),
]  # fmt: skip


def test_what_is_shown_are_effects_with_a_value_and_their_verdicts():
    effects = effects_of_claims(CLAIMS)
    assert list(effects[["claim", "unit", "verdict", "mean"]].itertuples(index=False)) == [
        ("C1", "accuracy", REPRODUCED, 0.3), ("C1", "accuracy", NOT_JUDGED, 0.5),
        ("C2", "accuracy", AGAINST, -0.2), ("C6", "log odds", REPRODUCED, 0.7),
        ("C6", "accuracy", NOT_JUDGED, 0.1),
    ]  # fmt: skip
    assert effects["effect"].str.endswith(("MobileNet-v1", "ResNet-34")).all()
    only = effects_of_claims(CLAIMS[1:])
    assert not only["effect"].str.contains("MobileNet").any()


def test_a_dot_is_where_its_mean_is_and_has_the_colour_of_its_verdict():
    figure = draw_forest(effects_of_claims(CLAIMS), NOTE)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [0.3, 0.5, -0.2, 0.1]
    colours = [to_hex(dot.get_color()) for dot in dots]
    assert colours[1] == colours[3] == to_hex(COLOURS[NOT_JUDGED])
    assert len({*colours[:3]}) == 3
    lines = [one for one in figure.axes[1].collections if hasattr(one, "get_segments")]
    assert [[x for x, _ in line] for one in lines for line in one.get_segments()] == [[0.5, 0.9]]


@pytest.mark.parametrize("n", [0, 1, 14])
def test_no_text_leaves_the_canvas_or_lies_over_another(n):
    figure = draw_forest(effects_of_claims(CLAIMS * n), NOTE)
    assert figure.get_size_inches()[0] == 7
    assert figure.get_size_inches()[1] < 15
    must_hold_its_texts(figure)
    assert len(texts_of(figure)) > n

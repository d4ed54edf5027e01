"""How often the rules of judgement find what, in made-up worlds whose truth is known.

The runs are those that the figures of a configuration ask for, with its seeds; only what they found
is drawn. A run has luck of its own (sd --noise), and a seed has some that all its runs share; how
hard a client is depends half on its seed and k and half on the run. A client's accuracy is what a
binomial draw of its test images gives.

    python benchmarks/made_up_worlds.py --config config/cpu.yaml --worlds 300
"""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from fedper.judge.claims import LOW_AND_HIGH_K
from fedper.judge.verdicts import judge
from fedper.plan.config import read_config
from fedper.plan.experiments import runs_of_figures
from fedper.results.histories import describe_run
from fedper.run import Run
from numpy.random import Generator
from scipy.special import expit, logit

World = Callable[[Run], tuple[float, float]]
"""From a run to the true accuracy of its setting, and the spread of its clients in log odds."""

SEED_NOISE, SPREAD, TEST_IMAGES = 0.02, 0.4, {"cifar10": 500, "cifar100": 100}


def is_low(run: Run) -> bool:
    """Tell whether clients differ most."""
    return run.classes_per_client == LOW_AND_HIGH_K[run.dataset][0]


def gain(low: float, high: float, base: float = 0.5) -> World:
    """Let every kind of FedPer gain so much over all other methods."""

    def world(run: Run) -> tuple[float, float]:
        of_fedper = run.method.name in ("FedPer", "FedPer fine-tuned")
        return base + of_fedper * (low if is_low(run) else high), SPREAD

    return world


def as_the_paper_says(run: Run) -> tuple[float, float]:
    """Let all claims be true."""
    accuracy, _ = gain(0.2, 0.0, base=0.4)(run)
    accuracy += 0.05 * (run.method.name == "FedPer fine-tuned")
    return accuracy, SPREAD / 2 if run.method.name == "FedPer" else SPREAD


def one_model_loses(run: Run) -> tuple[float, float]:
    """Let MobileNet-v1 gain 0.4 and ResNet-34 lose 0.1."""
    return gain(0.4, 0.0, base=0.4)(run) if run.model == "mobilenet_v1" else gain(-0.1, 0.0)(run)


WORLDS: dict[str, World] = {
    "as the paper says": as_the_paper_says,
    "no effect": gain(0.0, 0.0),
    "a gain of 0.01": gain(0.01, 0.01),
    "a gain of 0.02, the margin": gain(0.02, 0.02),
    "a gain of 0.05 at low k": gain(0.05, 0.0),
    "a loss of 0.05, 0.30 at high k": gain(-0.05, -0.3),
    "0.9 against 0.5, equal spread in log odds": gain(0.4, 0.0),
}


def draw(runs: list[Run], world: World, noise: float, generator: Generator) -> pd.DataFrame:
    """Draw the last round of all runs."""
    of_seed = {run.seed: generator.normal(0, SEED_NOISE) for run in runs}
    places = {(run.dataset, run.classes_per_client, run.seed): run.n_clients for run in runs}
    of_clients = {place: generator.normal(0, 1, n) for place, n in places.items()}
    frames = []
    for run in runs:
        accuracy, spread = world(run)
        mean = accuracy + of_seed[run.seed] + generator.normal(0, noise)
        place = (run.dataset, run.classes_per_client, run.seed)
        hardness = (of_clients[place] + generator.normal(0, 1, run.n_clients)) / np.sqrt(2)
        odds = logit(np.clip(mean, 0.01, 0.99)) + spread * (hardness - hardness.mean())
        samples = TEST_IMAGES[run.dataset]
        correct = generator.binomial(samples, expit(odds))
        frames.append(
            pd.DataFrame(
                {
                    **describe_run(run),
                    "round": run.rounds, "client": range(run.n_clients), "samples": samples,
                    "fault": "", "floor": 0.0, "accuracy": correct / samples,
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def main() -> None:
    """Read the command line, draw and judge all worlds, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--worlds", type=int, default=300, help="of each kind")
    parser.add_argument("--noise", type=float, default=0.01, help="sd of a run's accuracy")
    arguments = parser.parse_args()

    runs = list(runs_of_figures(read_config(arguments.config, {})).values())
    found: dict[str, dict[str, Counter]] = {}
    for name, world in WORLDS.items():
        counts = found.setdefault(name, {})
        for number in range(arguments.worlds):
            drawn = draw(runs, world, arguments.noise, np.random.default_rng(number))
            for claim in judge(drawn):
                counts.setdefault(claim["claim"], Counter())[claim["verdict"]] += 1
    rows = [
        {"world": name}
        | {
            claim: ", ".join(
                f"{verdict} {n / arguments.worlds:.0%}" for verdict, n in counter.most_common()
            )
            for claim, counter in counts.items()
        }
        for name, counts in found.items()
    ]
    print(pd.DataFrame(rows).set_index("world").T.to_markdown())


if __name__ == "__main__":
    main()

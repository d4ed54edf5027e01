"""FedPer in a loop, on tensors: two clients, a small model, no pipeline. Run it as it stands.

Both clients see the same kind of images, and name their two classes the other way round. FedPer
with a personal classifier can please both; FedAvg, which has none, can please at most one.
"""

import torch
from fedper.algorithm.blocks import classifier, conv_norm, sequence
from fedper.algorithm.federated import server_round, welcome_base
from fedper.algorithm.samples import DeviceSplit, Samples
from fedper.algorithm.state import Client
from fedper.algorithm.weights import initial_base, initial_personal
from fedper.method import Method, Phase, Test
from fedper.run import Run, change
from fedper.train.examiner import Examiner

SETTINGS = Run(
    dataset="yours", stand_in=None, n_clients=2, classes_per_client=2, samples={}, model="yours",
    width=1.0, stem="cifar", rounds=5, batch_size=16, learning_rate=0.05, momentum=0.9,
    weight_decay=0.0, optimiser_state="anew", pixels="centred", augmentation="none",
    initial_personal="same", tests=(Test("end", "reestimated"),), other_tests_every=1,
    evaluation_batch_size=100, threads=1, precision="float32", deterministic=True, seed=0,
    method=Method(name="FedPer", personal="last", personalization_layers=1, base="full",
                  train=(Phase("all", epochs=2),), new_base=()),
)  # fmt: skip


def draw_samples(n: int, swapped: bool, seed: int) -> Samples:
    """Draw n images, uint8 [n, 3, 8, 8], the bright ones of one class and the dark of the other."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (n,), generator=generator)
    noise = torch.randint(0, 128, (n, 3, 8, 8), generator=generator)
    images = (noise + 64 * labels.view(n, 1, 1, 1)).to(torch.uint8)
    half = torch.full((1, 3, 1, 1), 0.5)  # pixels are scaled to 0 … 1, then (x - mean) / sd
    split = DeviceSplit(images, 1 - labels if swapped else labels, mean=half, sd=half)
    return Samples(split, rows=torch.arange(n))


def play(run: Run) -> list[float]:
    """Train for the run's rounds; return each client's test accuracy after the last."""
    model = sequence(conv_norm(3, 8, 3), [conv_norm(8, 8, 3)], classifier(8, n_classes=2))
    base = initial_base(model, run)
    clients = [
        Client(j, draw_samples(64, j == 1, seed=j), draw_samples(100, j == 1, seed=10 + j),
               initial_personal(model, run, j))
        for j in range(run.n_clients)
    ]  # fmt: skip
    for round_ in range(1, run.rounds + 1):
        examiner = Examiner(round_, run)
        base, _ = server_round(model, base, clients, round_, run, examiner)
        welcome_base(model, base, clients, round_, run, examiner)
    return [score.n_correct / score.n_samples for score in examiner.scores()]


if __name__ == "__main__":
    print("FedPer, each client's accuracy:", play(SETTINGS))
    print("FedAvg:", play(change(SETTINGS, personalization_layers=0)))

"""A small world for the tests on CUDA: random images of ten classes, and clients that hold them."""

import torch
from fedper.algorithm.models import build_model
from fedper.algorithm.samples import DeviceSplit, Samples
from fedper.algorithm.state import Client
from fedper.algorithm.weights import initial_base, initial_personal
from fedper.method import Method, Phase, Test
from fedper.run import Run
from fedper.train.set_up import to_device

RUN = Run(
    dataset="cifar10", stand_in=None, n_clients=3, classes_per_client=4, samples={},
    model="mobilenet_v1", width=0.5, stem="imagenet",
    method=Method("FedPer", "last", 2, "full", (Phase("all", 1),), new_base=()),
    rounds=2, batch_size=64, learning_rate=0.001, momentum=0.9, weight_decay=0.0005,
    optimiser_state="anew", pixels="centred", augmentation="none", initial_personal="same",
    tests=(Test("end", "averaged"),), other_tests_every=1, evaluation_batch_size=128, threads=1,
    precision="float32", deterministic=True, seed=0,
)  # fmt: skip
"""Batches of 64 images and a small learning rate, so that rounding does not grow."""

SIZES = (160, 100, 70)
"""Training images of each client: three, two and two steps an epoch, the last of 32, 36 and 6."""


def begin(run, device):
    """Make the model, the initial base and the clients of ``run`` on ``device``."""
    model = build_model(run.model, 10, run.width, run.stem).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(1)
    n = 2 * sum(SIZES)
    split = DeviceSplit(
        images=torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=generator).to(
            device
        ),
        labels=torch.randint(0, 10, (n,), generator=generator).to(device),
        mean=torch.full((1, 3, 1, 1), 0.5, device=device),
        sd=torch.full((1, 3, 1, 1), 0.5, device=device),
    )
    base = to_device(initial_base(model, run), device)
    parts = torch.arange(n, device=device).split([size for size in SIZES for _ in range(2)])
    clients = [
        Client(
            number,
            Samples(split, parts[2 * number], smallest_batch=2),
            Samples(split, parts[2 * number + 1], smallest_batch=2),
            to_device(initial_personal(model, run, number), device),
        )
        for number in range(len(SIZES))
    ]
    return model.to(device), base, clients

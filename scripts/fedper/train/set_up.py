"""How a run begins: the model, the initial base, and the clients with their data."""

from copy import deepcopy

import torch
from torch import nn

from fedper.algorithm.models import build_model, with_linear_base
from fedper.algorithm.samples import DeviceSplit, Samples
from fedper.algorithm.state import Client, State
from fedper.algorithm.weights import initial_base, initial_personal
from fedper.data.dataset import Dataset, Split, labels_digest
from fedper.data.partition import Partition
from fedper.errors import InputError
from fedper.run import Run


def set_up(
    run: Run, dataset: Dataset, partition: Partition, device: torch.device
) -> tuple[nn.Sequential, State, list[Client]]:
    """Build the model, the initial base W_B, and all clients with their data and initial W_P_j.

    Raises InputError if the partition was drawn for other settings, the model has fewer layers
    than K_P, or a client too few training samples for BatchNorm.
    """
    drawn_for = (partition.seed, partition.classes_per_client, len(partition.clients))
    if drawn_for != (run.seed, run.classes_per_client, run.n_clients):
        raise InputError(
            "the partition is for seed {}, classes_per_client {} and {} clients, "
            "but the run is not; draw the partition of this run".format(*drawn_for)
        )
    origin = {"samples": run.samples, "labels_sha256": labels_digest(dataset)}
    for key in partition.drawn_from:
        if partition.drawn_from[key] != origin.get(key):
            what = "settings" if key == "samples" else "images"
            raise InputError(f"the partition was drawn of other {what}; draw that of this run")
    model = build_model(run.model, dataset.n_classes, run.width, run.stem)
    depth = run.method.personalization_layers
    if depth > len(model):
        raise InputError(
            f"personalization_layers: {depth}, but {run.model} has only {len(model)} layers"
        )
    image_size = dataset.train.images.shape[-2:]
    if run.method.base == "linear":
        model = with_linear_base(model, run.method, image_size)
    # Weights are drawn on the CPU, so they are the same on every device.
    model.to(memory_format=torch.channels_last)
    base = to_device(initial_base(model, run), device)
    train = on_device(dataset, dataset.train, run.pixels, device)
    test = (
        train
        if partition.tests_are_training_images
        else on_device(dataset, dataset.test, run.pixels, device)
    )
    smallest = smallest_batch(model, image_size)
    clients = [
        Client(
            number,
            train=Samples(train, torch.tensor(samples.train, device=device), smallest),
            test=Samples(test, torch.tensor(samples.test, device=device), smallest),
            personal=to_device(initial_personal(model, run, number), device),
        )
        for number, samples in enumerate(partition.clients)
    ]
    fewest = min(len(part) for client in clients for part in (client.train, client.test))
    if fewest < smallest:
        raise InputError(
            f"a client has {fewest} training or test samples, fewer than the {smallest} that "
            f"{run.model} takes at once; give it more"
        )
    return model.to(device), base, clients


def on_device(dataset: Dataset, split: Split, pixels: str, device: torch.device) -> DeviceSplit:
    """Put a whole split on ``device``; its pixels are shifted and scaled as the run has it."""
    mean, sd = {
        "centred": ([0.5] * 3, [0.5] * 3),
        "unit": ([0.0] * 3, [1.0] * 3),
        "standardised": (dataset.mean, dataset.sd),
    }[pixels]
    return DeviceSplit(
        images=torch.from_numpy(split.images).to(device),
        labels=torch.from_numpy(split.labels).to(device),
        mean=torch.tensor(mean, dtype=torch.float32, device=device).view(1, 3, 1, 1),
        sd=torch.tensor(sd, dtype=torch.float32, device=device).view(1, 3, 1, 1),
    )


def to_device(state: State, device: torch.device) -> State:
    """Bring ``state`` to a device."""
    return {name: tensor.to(device) for name, tensor in state.items()}


def smallest_batch(model: nn.Sequential, image_size: tuple[int, int]) -> int:
    """Tell how many images training takes at least: 2 if BatchNorm sees maps of 1 x 1, else 1."""
    try:
        with torch.no_grad():
            deepcopy(model).train()(torch.zeros(1, 3, *image_size))
    except ValueError:  # "Expected more than 1 value per channel when training"
        return 2
    return 1

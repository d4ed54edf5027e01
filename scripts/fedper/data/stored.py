"""The files in which a prepared data set and a partition are stored."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import save_file

from fedper.data.dataset import Dataset, Split
from fedper.data.partition import ClientSamples, Partition
from fedper.errors import InputError
from fedper.files import raise_if_not_read, write_text
from fedper.hashing import hash_arrays, hash_values
from fedper.tensor_files import open_tensors, save_tensors


def save_dataset(dataset: Dataset, path: Path) -> None:
    """Write a data set as one safetensors file, atomically; OSError if the disk refuses it.

    The same data set gives the same bytes: with more than one entry of metadata it would not,
    because safetensors writes those in an order of chance.
    """
    arrays = {"mean": dataset.mean, "sd": dataset.sd}
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        arrays |= {f"{name}.images": split.images, f"{name}.labels": split.labels}
        if split.clients is not None:
            arrays[f"{name}.clients"] = split.clients
    about = {"n_classes": dataset.n_classes, "provenance": dataset.provenance}
    digest = hash_arrays(json.dumps(about), sorted(arrays.items()))
    metadata = {"dataset": json.dumps({**about, "sha256": digest})}
    save_tensors(save_file, arrays, path, metadata)


def load_dataset(path: Path) -> Dataset:
    """Read what :func:`save_dataset` wrote; raise InputError if the file is not that.

    Its hash is compared too, so that no pixel or label is trained on that a disk has spoiled.
    """
    try:
        with open_tensors(path, "numpy") as file:
            about = json.loads(file.metadata()["dataset"])
            array = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest = about.pop("sha256")
        if hash_arrays(json.dumps(about), sorted(array.items())) != digest:
            raise ValueError("changed since it was prepared")
        train, test = (
            Split(array[f"{n}.images"], array[f"{n}.labels"], array.get(f"{n}.clients"))
            for n in ("train", "test")
        )
        return Dataset(train=train, test=test, mean=array["mean"], sd=array["sd"], **about)
    except (
        OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        raise_if_not_read(error, path)
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a prepared data set ({reason}); delete it and prepare the data again"
        ) from error


def write_partition(partition: Partition, path: Path) -> None:
    """Write a partition as JSON with a hash of what it says, atomically."""
    values = asdict(partition)
    write_text(path, json.dumps({**values, "sha256": hash_values(values)}) + "\n")


def read_partition(path: Path) -> Partition:
    """Read what :func:`write_partition` wrote; raise InputError if the file is not that.

    Its hash is compared too, so that no client trains on rows that are not its own.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("sha256") != hash_values(values):
            raise ValueError("changed since it was drawn: another hash than it says")
        values["clients"] = [ClientSamples(**client) for client in values["clients"]]
        return Partition(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise_if_not_read(error, path)
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a partition ({reason}); delete it and run the pipeline again"
        ) from error

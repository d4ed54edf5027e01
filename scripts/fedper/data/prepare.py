"""From the files of a source, or from no files at all for a stand-in, to a data set."""

import json
from pathlib import Path

import pandas as pd

from fedper.data.dataset import Dataset, describe_dataset
from fedper.data.reader import RawData, nothing_left_out
from fedper.data.stored import save_dataset
from fedper.fetch.modules import load_function, maker_of
from fedper.fetch.raw import layout_of
from fedper.files import write_text
from fedper.names import DATASETS


def prepare(
    settings: dict, receipt: dict, seed: int | None, n_threads: int
) -> tuple[Dataset, pd.DataFrame]:
    """Read or make a data set; also return what was left out: columns worker, image, reason.

    Args:
        settings: of :class:`fedper.plan.inputs.Prepared`.
        receipt: as of :func:`fedper.fetch.sources.fetch`.
        seed: see RawData.
        n_threads: see RawData.

    Raises:
        InputError: the record of the data set names no reader; and as readers do.
    """
    dataset, stand_in, names = settings["dataset"], settings["stand_in"], list(receipt["files"])
    if not names:  # a stand-in that is made without files
        arguments = {key: value for key, value in stand_in.items() if key != "source"}
        return load_function(*maker_of(stand_in))(**arguments), nothing_left_out()
    provenance = {
        "source": receipt["source"],
        "sha256": {name: file["sha256"] for name, file in receipt["files"].items()},
        **({"note": receipt["note"]} if "note" in receipt else {}),
    }
    folder = Path(receipt["folder"])
    n_classes = DATASETS[dataset].n_classes
    raw = RawData(folder, names, settings, n_classes, seed, n_threads, provenance)
    return load_function("data", layout_of(dataset, names, folder).reader, "read")(raw)


def write_prepared(
    dataset: Dataset,
    excluded: pd.DataFrame,
    path: Path,
    about: Path,
    provenance: Path,
    excluded_path: Path,
) -> None:
    """Write what :func:`prepare` returned: the data set, its description, where it came from.

    The description comes last, so that it says that the rest is whole.
    """
    save_dataset(dataset, path)
    write_text(excluded_path, excluded.to_csv(index=False))
    write_text(provenance, json.dumps(dataset.provenance, indent=2) + "\n")
    write_text(about, json.dumps(describe_dataset(dataset), indent=2) + "\n")

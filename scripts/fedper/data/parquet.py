"""CIFAR-10 and CIFAR-100 from parquet files in the layout of their Hugging Face copies.

``img`` is a struct of ``bytes`` (one encoded image) and ``path``; the label stands in ``label``
(CIFAR-10) or ``fine_label`` (CIFAR-100). The files are ``train-*.parquet`` and ``test-*.parquet``.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from fedper.data.dataset import Dataset, Split, make_dataset
from fedper.errors import InputError

LABEL_COLUMNS = ("label", "fine_label")

SIZE = 32
"""Pixels a side of a CIFAR image."""


def read_parquet_dataset(folder: Path, n_classes: int) -> Dataset:
    """Read a folder of parquet files with RGB images of CIFAR's size.

    Raises InputError if a split has no file, a file is broken or has other columns, a label is
    not in 0 … n_classes - 1, or an image does not decode to the right size.
    """
    files = {split: sorted(folder.glob(f"{split}-*.parquet")) for split in ("train", "test")}
    for split, paths in files.items():
        if not paths:
            raise InputError(
                f"{folder}: no {split}-*.parquet here; copy or link the files there, "
                "for instance with 'make raw FROM=<folder that holds cifar10/>'"
            )
    train, test = (_read_split(paths, n_classes) for paths in files.values())
    provenance = {
        "source": "parquet",
        "sha256": {path.name: _sha256(path) for paths in files.values() for path in paths},
    }
    return make_dataset(train, test, n_classes, provenance)


def _read_split(paths: list[Path], n_classes: int) -> Split:
    parts = [_read_file(path, n_classes) for path in paths]
    return Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def _read_file(path: Path, n_classes: int) -> Split:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: not a whole parquet file ({reason}); copy or download it again"
        ) from error
    labels = _label_column(table, path).to_numpy().astype(np.int64)
    outside = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if outside.size:
        row = int(outside[0])
        raise InputError(
            f"{path}: row {row} has label {labels[row]}, not in 0 … {n_classes - 1}; "
            "is this the right data set?"
        )
    images = np.empty((len(table), 3, SIZE, SIZE), dtype=np.uint8)
    for row, encoded in enumerate(table["img"].to_pylist()):
        images[row] = _decode(encoded, f"{path}: row {row}")
    return Split(images, labels)


def _label_column(table: pa.Table, path: Path) -> pa.ChunkedArray:
    """Find the labels, once it is sure that all columns are of the right type."""
    names = [name for name in LABEL_COLUMNS if name in table.column_names]
    image = table.schema.field("img").type if "img" in table.column_names else None
    is_struct = image is not None and pa.types.is_struct(image)
    if not names or not is_struct or image.get_field_index("bytes") < 0:
        raise InputError(
            f"{path}: columns {table.column_names}, but 'img' with 'bytes' in it, and one of "
            f"{list(LABEL_COLUMNS)} are needed; use the Hugging Face layout"
        )
    labels = table[names[0]]
    if not pa.types.is_integer(labels.type) or labels.null_count:
        raise InputError(
            f"{path}: '{names[0]}' is of type {labels.type} with {labels.null_count} blanks, not "
            "whole numbers throughout; is this the right data set?"
        )
    return labels


def _decode(encoded: dict | None, where: str) -> np.ndarray:
    """Decode one image; uint8 [3, SIZE, SIZE]."""
    try:
        with Image.open(io.BytesIO(encoded["bytes"])) as image:
            height, width = image.height, image.width
            pixels = np.asarray(image.convert("RGB")) if (height, width) == (SIZE, SIZE) else None
    except (OSError, TypeError, Image.DecompressionBombError) as error:
        raise InputError(f"{where}: the image does not decode; download the file again") from error
    if pixels is None:
        raise InputError(
            f"{where}: the image is {width} x {height} pixels, not {SIZE} x {SIZE}; "
            "is this the right data set?"
        )
    return pixels.transpose(2, 0, 1)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

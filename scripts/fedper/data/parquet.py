"""CIFAR-10 and CIFAR-100 from parquet files in the layout of their Hugging Face copies.

``img`` is a struct of ``bytes`` (one encoded image) and ``path``; the label stands in ``label``
(CIFAR-10) or ``fine_label`` (CIFAR-100). The files are ``train-*.parquet`` and ``test-*.parquet``.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from fedper.data.dataset import Dataset, Split
from fedper.data.reader import RawData, whole_dataset
from fedper.errors import InputError
from fedper.fetch.integrity import is_web_page
from fedper.files import raise_if_not_read

LABEL_COLUMNS = ("label", "fine_label")

SIZE = 32
"""Pixels a side of a CIFAR image."""

LFS_POINTER = b"version https://git-lfs"
JPEG = b"\xff\xd8"
"""How files begin that are something else."""

FORMATS = ("PNG", "WEBP")
"""How images may be encoded; both keep every pixel."""


def read(raw: RawData) -> tuple[Dataset, pd.DataFrame]:
    """Read training and test split from parquet files with images of CIFAR's size.

    Raises InputError if a split lacks one of several files, a file is broken or has other columns,
    a label is not in 0 … n_classes - 1, or an image does not decode to the right size.
    """
    train, test = (_read_split(_shards(raw, split), raw.n_classes) for split in ("train", "test"))
    return whole_dataset(raw, train, test)


def _shards(raw: RawData, split: str) -> list[Path]:
    """List the files of a split. Their names say how many there are: ``train-00000-of-00002``.

    Older copies have a hash behind that.
    """
    paths = sorted(raw.folder / name for name in raw.names if name.startswith(f"{split}-"))
    named = [re.fullmatch(r"\w+-(\d+)-of-(\d+)(-\w+)?", path.stem) for path in paths]
    if not any(named):
        return paths
    numbers = sorted((int(match[1]), int(match[2])) for match in named if match)
    if numbers != [(number, len(paths)) for number in range(len(paths))]:
        raise InputError(
            f"{raw.folder}: {', '.join(path.name for path in paths)} are not the files of one "
            "whole; each from 0 to the last must be there once, and no other"
        )
    return paths


def _read_split(paths: list[Path], n_classes: int) -> Split:
    files = [_open(path) for path in paths]
    n = sum(file.metadata.num_rows for file in files)
    images = np.empty((n, 3, SIZE, SIZE), dtype=np.uint8)
    labels = np.empty(n, dtype=np.int64)
    start = 0
    for path, file in zip(paths, files, strict=True):
        row = 0
        for batch in _batches(file, path):
            end = start + len(batch)
            if end > n:
                raise InputError(f"{path}: more rows than it says; download it again")
            labels[start:end] = _labels(batch, n_classes, path, row)
            for offset, encoded in enumerate(batch["img"]):
                where = f"{path}: row {row + offset}"
                images[start + offset] = _decode(encoded.as_py(), where)
            start, row = end, row + len(batch)
        if row != file.metadata.num_rows:
            raise InputError(
                f"{path}: {row} rows, but it says {file.metadata.num_rows}; download it again"
            )
    return Split(images, labels)


def _open(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
        _check_columns(file.schema_arrow, path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise_if_not_read(error, path)
        with path.open("rb") as opened:
            if opened.read(len(LFS_POINTER)) == LFS_POINTER:
                raise InputError(
                    f"{path}: a pointer of Git LFS, not the file; `git lfs pull` brings it"
                ) from error
        kind = "a web page" if is_web_page(path) else str(error).splitlines()[0]
        raise InputError(
            f"{path}: not a whole parquet file ({kind}); copy or download it again"
        ) from error
    return file


def _batches(file: pq.ParquetFile, path: Path) -> Iterator[pa.RecordBatch]:
    try:
        yield from file.iter_batches(batch_size=1024)
    except (OSError, pa.ArrowException) as error:
        raise_if_not_read(error, path)
        raise InputError(
            f"{path}: breaks off ({str(error).splitlines()[0]}); copy or download it again"
        ) from error


def _labels(batch: pa.RecordBatch, n_classes: int, path: Path, first_row: int) -> np.ndarray:
    (name,) = [name for name in LABEL_COLUMNS if name in batch.schema.names]
    column = batch[name]
    if column.null_count:
        raise InputError(f"{path}: '{name}' has blanks; is this the right data set?")
    labels = column.to_numpy(zero_copy_only=False).astype(np.int64)
    outside = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if outside.size:
        row = int(outside[0])
        raise InputError(
            f"{path}: row {first_row + row} has label {labels[row]}, not in 0 … {n_classes - 1}; "
            "is this the right data set?"
        )
    return labels


def _check_columns(schema: pa.Schema, path: Path) -> None:
    """Raise InputError unless there are images, and labels of one kind, in whole numbers."""
    names = [name for name in LABEL_COLUMNS if name in schema.names]
    image = schema.field("img").type if schema.names.count("img") == 1 else None
    is_struct = image is not None and pa.types.is_struct(image)
    repeated = len(set(schema.names)) < len(schema.names)
    if repeated or len(names) != 1 or not is_struct or image.get_field_index("bytes") < 0:
        raise InputError(
            f"{path}: columns {schema.names}, but 'img' with 'bytes' in it, and one of "
            f"{list(LABEL_COLUMNS)} are needed; use the Hugging Face layout"
        )
    kind = schema.field(names[0]).type
    if not pa.types.is_integer(kind):
        raise InputError(
            f"{path}: '{names[0]}' is of type {kind}, not whole numbers; "
            "is this the right data set?"
        )


def _decode(encoded: dict | None, where: str) -> np.ndarray:
    """Decode one image; uint8 [3, SIZE, SIZE]."""
    content = (encoded or {}).get("bytes")
    if content is None:
        raise InputError(
            f"{where}: no bytes of an image; use files that hold the images, not only their paths"
        )
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            height, width, mode = image.height, image.width, image.mode
            pixels = np.asarray(image.convert("RGB")) if (height, width) == (SIZE, SIZE) else None
    except MemoryError:
        raise
    except Exception as error:  # Pillow has no common error for what can be wrong inside an image
        if content[:2] == JPEG:
            raise InputError(
                f"{where}: a JPEG, in which pixels changed; use a copy in PNG"
            ) from error
        raise InputError(f"{where}: the image does not decode; download the file again") from error
    if pixels is None:
        raise InputError(
            f"{where}: the image is {width} x {height} pixels, not {SIZE} x {SIZE}; "
            "is this the right data set?"
        )
    if mode.startswith(("I", "F")):
        raise InputError(f"{where}: more than 8 bits a channel; is this the right data set?")
    return pixels.transpose(2, 0, 1)

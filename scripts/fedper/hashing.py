"""SHA-256 of content. Files carry their own, so that a reader notices a byte that changed."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedper.files import naming


def hash_values(values: object) -> str:
    """Hash what JSON can write, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def hash_arrays(about: str, arrays: Iterable[tuple[str, NDArray]]) -> str:
    """Hash a text and named arrays, in the order given: names, dtypes, shapes and contents."""
    digest = hashlib.sha256(about.encode())
    for name, array in arrays:
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def hash_file(path: Path, algorithm: str = "sha256") -> str:
    """Hash a file, in hexadecimal digits."""
    with naming(path), path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()

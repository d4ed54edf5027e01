"""Files of tensors (safetensors), with what the system did where they cannot be read or written."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from fedper.errors import InputError
from fedper.files import atomic


def open_tensors(path: Path, framework: str) -> safe_open:
    """Open a file of tensors to read, as ``framework`` ("numpy" or "pt") has them.

    Raises:
        OSError: the system does not let it be opened. safetensors calls every such failure "no such
            file", and PyTorch, which opens the file once more, a RuntimeError.
        MemoryError: there is none to map the file into.
        SafetensorError: it is no file of tensors.
    """
    path.open("rb").close()
    try:
        return safe_open(path, framework=framework)
    except (FileNotFoundError, RuntimeError) as error:
        number = _last_number(r"\((\d+)\)", error)
        if number == errno.ENOMEM:
            raise MemoryError(os.strerror(number)) from error
        reason = "the system does not let it be opened" if number is None else os.strerror(number)
        raise OSError(number or errno.EIO, reason, str(path)) from error


def save_tensors(save_file: Callable, tensors: dict, path: Path, metadata: dict[str, str]) -> None:
    """Write a file of tensors, atomically.

    Args:
        save_file: safetensors' own, for NumPy or PyTorch.
        tensors: by name.
        path: of the file.
        metadata: written beside them.

    Raises:
        OSError: the disk does not take it; says how many MB it needs.
        InputError: safetensors does not write it, for another reason.
    """
    n_bytes = sum(tensor.nbytes for tensor in tensors.values())
    with atomic(path) as temporary:
        try:
            save_file(tensors, temporary, metadata=metadata)
        except SafetensorError as error:
            number = _last_number(r"os error (\d+)", error)
            if number is None:
                raise InputError(f"{path}: cannot be written ({error})") from error
            reason = f"{os.strerror(number)}, of {n_bytes / 1e6:,.1f} MB to write"
            raise OSError(number, reason, str(path)) from error


def _last_number(pattern: str, error: Exception) -> int | None:
    """Find the system's number of an error in the words of a library."""
    found = re.findall(pattern, str(error))
    return int(found[-1]) if found else None

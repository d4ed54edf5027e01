"""The machine that a run computes on."""

import os
import platform

import torch

from fedper.errors import InputError


def set_up_device(name: str, threads: int) -> torch.device:
    """Choose "cpu", "cuda" or, with "auto", CUDA where there is one; make this process repeatable.

    Sets the number of CPU threads and deterministic algorithms for the whole process. Raises
    InputError if "cuda" is asked for and absent.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device: 'cuda' asked for, but torch sees no CUDA device; use 'auto'")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(threads)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def describe(device: torch.device) -> str:
    """Name the hardware, for the record of a run."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return f"cpu: {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"

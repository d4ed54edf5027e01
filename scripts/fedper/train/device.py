"""The device that a run computes on, and the precision that it computes with."""

import os

import torch

from fedper.errors import InputError
from fedper.run import Run


def set_up_device(name: str, run: Run) -> torch.device:
    """Choose "cpu", "cuda" or, with "auto", CUDA where there is one; make this process repeatable.

    Sets the number of CPU threads, deterministic algorithms and the precision of float32 products
    for the whole process, as the run's settings say. Raises InputError if "cuda" is asked for and
    absent, or a CPU is to compute in another precision than float32.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device: 'cuda' asked for, but torch sees no CUDA device; use 'auto'")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu" and run.precision != "float32":
        raise InputError(f"precision: '{run.precision}' is for CUDA; on a CPU use 'float32'")
    torch.set_num_threads(run.threads)
    if run.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # as use_deterministic_algorithms, which also loads PyTorch's compiler, for nothing here
    torch.set_deterministic_debug_mode("error" if run.deterministic else "default")
    # A help for finding reads of memory that nobody wrote; it costs 5 % and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # PyTorch's default lets cuDNN compute convolutions of float32 in TensorFloat32; where some
    # releases keep a setting of one library, the one for all does not reach it.
    precision = "tf32" if run.precision == "tf32" else "ieee"
    torch.backends.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision
    torch.backends.cuda.matmul.fp32_precision = precision
    return torch.device(name)

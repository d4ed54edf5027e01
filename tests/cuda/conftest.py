"""What the tests on CUDA have in common; they import nothing but scripts/fedper."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _process_as_before():
    """Let a test set up its device as a run does; set all back afterwards."""
    backends = (torch.backends, torch.backends.cudnn.conv, torch.backends.cuda.matmul)
    before = [backend.fp32_precision for backend in backends]
    threads = torch.get_num_threads()
    yield
    torch.set_deterministic_debug_mode("default")
    torch.set_num_threads(threads)
    for backend, precision in zip(backends, before, strict=True):
        backend.fp32_precision = precision

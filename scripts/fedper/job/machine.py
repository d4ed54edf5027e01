"""The machine that a run computes on: its name, and how long its work takes."""

import platform
import re
import time
from pathlib import Path

import torch


def moment(device: torch.device) -> float | torch.cuda.Event:
    """Mark a moment in what a device does, without waiting until it comes there."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def seconds_between(start: float | torch.cuda.Event, end: float | torch.cuda.Event) -> float:
    """Return the seconds from one :func:`moment` of a device to another; wait for the second."""
    if isinstance(start, float):
        return end - start
    end.synchronize()
    return start.elapsed_time(end) / 1000


def describe(device: torch.device) -> str:
    """Name the hardware, for the record of a run.

    Of a CPU also family and model number, because libraries choose their kernels by them, and last
    bits with those.
    """
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    capability = torch.backends.cpu.get_cpu_capability()
    return f"cpu: {platform.machine()}, {capability}, {_processor()}"


def _processor() -> str:
    """Name the processor as Linux does; elsewhere as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    values = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    name = values.get("model name", platform.processor() or "unknown")
    numbers = (f"{key} {values[key]}" for key in ("cpu family", "model") if key in values)
    return " ".join([name, *numbers])

"""Run commands beside each other, and watch the memory of all processes that they start."""

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Usage:
    """What some commands took: seconds of each and of all, and the peak of their memory together.

    peak_bytes: proportional set sizes, summed over the processes of one moment. A page that several
    processes map, as they do those of libraries and of Ray's object store in shared memory, counts
    once, shared out among them. peak_processes: the most at one moment.
    """

    seconds: list[float]
    wall_s: float
    peak_bytes: int
    peak_processes: int


def run_beside_each_other(
    commands: Sequence[Sequence[object]], logs: Sequence[Path], every: float, **environment: str
) -> Usage:
    """Run all commands at once, output into ``logs``; sample their memory ``every`` so many s.

    ``environment`` is added to this process's. Raises RuntimeError with the end of a log if a
    command fails.
    """
    done = threading.Event()
    with ThreadPoolExecutor(len(commands) + 1) as threads:
        start = time.perf_counter()
        processes = [
            _start(command, log, environment) for command, log in zip(commands, logs, strict=True)
        ]
        samples = threads.submit(_watch, [p.pid for p in processes], every, done)
        seconds = list(threads.map(lambda process: _wait(process, start), processes))
        wall = time.perf_counter() - start
        done.set()
        peak_bytes, peak_processes = samples.result()
    for process, log in zip(processes, logs, strict=True):
        if process.returncode:
            raise RuntimeError(f"{log.name}: {log.read_text(errors='replace')[-2000:]}")
    return Usage(seconds, wall, peak_bytes, peak_processes)


def tree_memory(pids: Sequence[int]) -> tuple[int, int]:
    """Sum up the proportional set sizes of processes and all their descendants; count them too."""
    total, n = 0, 0
    for pid in pids:
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for process in tree:
            try:
                memory = process.memory_full_info()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            total += getattr(memory, "pss", memory.uss)  # only Linux has PSS
            n += 1
    return total, n


def _start(command: Sequence[object], log: Path, environment: dict) -> subprocess.Popen:
    with log.open("w", encoding="utf-8") as file:
        return subprocess.Popen(
            [str(part) for part in command],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )


def _wait(process: subprocess.Popen, start: float) -> float:
    process.wait()
    return time.perf_counter() - start


def _watch(pids: list[int], every: float, done: threading.Event) -> tuple[int, int]:
    samples = [(0, 0)]
    while not done.wait(every):
        samples.append(tree_memory(pids))
    return max(total for total, _ in samples), max(n for _, n in samples)

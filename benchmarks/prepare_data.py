"""How fast data are prepared: CIFAR-10 from parquet, and photographs beside a bare Pillow loop.

    python benchmarks/prepare_data.py --cifar10 data/raw/cifar10

CIFAR-10: the two scripts as the pipeline calls them, in processes of their own; wall time and the
largest resident memory. Photographs: the reader of FLICKR-AES on an archive of made-up pictures, by
default of 140 kB each like the real ones, against Pillow alone (open, turn, RGB, resize) on the
same bytes held in memory, with as many threads; both in one process, taking turns.
"""

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from fedper.data.photos import decode_photos, open_photos
from fedper.files import write_text
from fedper.job.machine import describe
from PIL import Image, ImageOps

SCRIPTS = Path(__file__).parents[1] / "scripts"
SIZE = 224


def main() -> None:
    """Measure both and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cifar10", type=Path, help="folder with its parquet files")
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--width", type=int, default=768, help="of a photograph, in pixels")
    parser.add_argument("--height", type=int, default=576)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=None, help="JSON file to write")
    arguments = parser.parse_args()

    result: dict = {"device": describe(torch.device("cpu")), "cores": os.cpu_count()}
    if arguments.cifar10:
        result["cifar10"] = measure_cifar10(arguments.cifar10)
    result["photos"] = measure_photos(
        arguments.photos, (arguments.width, arguments.height), arguments.turns, arguments.threads
    )
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if arguments.out:
        write_text(arguments.out, text)


def measure_cifar10(folder: Path) -> dict:
    """Fetch (that is, check) and prepare CIFAR-10 from files at hand."""
    sources = json.dumps([{"from": "files", "folder": str(folder)}])
    settings = json.dumps({"dataset": "cifar10", "stand_in": None})
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        commands = {
            "fetch.py": ["--dataset", "cifar10", "--sources", sources, "--raw", out / "raw",
                         "--out", out / "receipt.json"],
            "prepare_dataset.py": ["--receipt", out / "receipt.json", "--settings", settings,
                           "--out", out / "d.safetensors", "--about", out / "d.json",
                           "--provenance", out / "p.json", "--excluded", out / "d.csv"],
        }  # fmt: skip
        seconds = {}
        for script, options in commands.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, SCRIPTS / script, *options], check=True)
            seconds[script] = round(time.perf_counter() - start, 2)
        about = json.loads((out / "d.json").read_text())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {
        "images": about["train_images"] + about["test_images"],
        "seconds": seconds,
        "peak_memory_mib": round(peak / (2**20 if sys.platform == "darwin" else 2**10)),
    }


def measure_photos(n: int, size: tuple[int, int], turns: int, n_threads: int) -> dict:
    """Compare the reader with a bare loop; images per second are medians over turns."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "photos.zip"
        encoded = _write_photos(path, n, size)
        rates: dict[str, list[float]] = {"reader": [], "bare_loop": []}
        for _ in range(turns):
            rates["reader"].append(n / _time(lambda: _read(path, n_threads)))
            rates["bare_loop"].append(n / _time(lambda: _bare_loop(encoded, n_threads)))
    ratios = [a / b for a, b in zip(rates["reader"], rates["bare_loop"], strict=True)]
    return {
        "photographs": n,
        "pixels": list(size),
        "kilobytes_each": round(sum(map(len, encoded)) / n / 1000),
        "threads": n_threads,
        "images_per_s": {key: round(statistics.median(value), 1) for key, value in rates.items()},
        "ratio": round(statistics.median(ratios), 3),
    }


def _write_photos(path: Path, n: int, size: tuple[int, int]) -> list[bytes]:
    generator = np.random.default_rng(0)
    encoded = []
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(n):
            small = generator.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(
                buffer, "JPEG", quality=90
            )
            encoded.append(buffer.getvalue())
            archive.writestr(f"40K/{number:05d}.jpg", encoded[-1])
    return encoded


def _read(path: Path, n_threads: int) -> None:
    with open_photos(path, "40K") as photos:
        decode_photos(photos, sorted(photos.names), SIZE, "bilinear", n_threads)


def _bare_loop(encoded: list[bytes], n_threads: int) -> None:
    def decode(content: bytes) -> Image.Image:
        image = Image.open(io.BytesIO(content))
        ImageOps.exif_transpose(image, in_place=True)
        return image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(decode, encoded))


def _time(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

"""Spoil every kind of file that the pipeline reads, and see what becomes of it.

    PYTHONPATH=scripts:tests python tests/fuzz.py --n 2000 --seed 0     (or: make fuzz)

For each spoiled file, the script that reads it must end with one clear line and status 1, leave
nothing half-written and nothing lost, or else with the result of the file as it was: what is
spoiled and accepted, with another result, was trusted blindly. Of files that come from people, like
configurations, another one that is accepted is no fault.
"""

import argparse
import contextlib
import hashlib
import io
import json
import random
import re
import shutil
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from conftest import REPOSITORY, SMALL, prepare_files, run_main, write_run
from fedper.data.dataset import Split, make_dataset
from fedper.data.make_partition import make_partition
from fedper.data.stored import save_dataset, write_partition
from fedper.job.checkpoint import Checkpoints
from fedper.job.record import conditions
from fedper.job.record import write_run as record
from fedper.job.simulate import simulate
from fedper.names import PHOTO_ARCHIVE, RATINGS
from fedper.run import change

sys.path.insert(0, str(Path(__file__).parent / "data"))
from test_data import random_images, write_parquet
from test_flickr_aes import SETTINGS, jpeg, write_world

RUN = change(SMALL, n_clients=2, classes_per_client=5, rounds=2)
WORKER = SETTINGS | {"n_clients": 1}
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Reader:
    """A kind of file, and what reads it.

    make: fills a folder and returns the file to spoil. read: reads it from there, and writes below
    folder/out; status and last words. may_differ: whether another result of it is no fault.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], tuple[int, str]]
    may_differ: bool = False


def dataset():
    """Ten classes of random 8 x 8 images."""
    generator = np.random.default_rng(3)
    labels = np.repeat(np.arange(10), 20)
    sides = (
        Split(generator.integers(0, 256, (200, 3, 8, 8), dtype=np.uint8), labels) for _ in range(2)
    )
    return make_dataset(*sides, 10, {"source": "test"})


def partition():
    """Who holds which images of it, in the run."""
    return make_partition(dataset(), RUN.samples, RUN.n_clients, RUN.classes_per_client, RUN.seed)


def make_inputs(folder: Path) -> None:
    """Write a data set, a partition of it, and the settings of a run, as run.json has them."""
    save_dataset(dataset(), folder / "data.safetensors")
    write_partition(partition(), folder / "partition.json")
    (folder / "run.json").write_text(json.dumps({"run": json.loads(RUN.to_json())}))


def input_named(name: str) -> Callable[[Path], Path]:
    """Make the inputs of a run, of which one is spoiled."""

    def make(folder: Path) -> Path:
        make_inputs(folder)
        return folder / name

    return make


def train(folder: Path) -> tuple[int, str]:
    """Train as the workflow does."""
    return run_main(
        "train.py", "--run", folder / "run.json", "--data", folder / "data.safetensors",
        "--partition", folder / "partition.json", "--device", "cpu",
        "--checkpoints", folder / "checkpoints", "--out", folder / "out",
    )  # fmt: skip


def make_checkpoint(folder: Path) -> Path:
    """Interrupt a run after its first round."""
    make_inputs(folder)
    data = dataset()
    drawn = partition()

    def stop(line: str) -> None:
        if "round 1/2" in line:
            raise KeyboardInterrupt

    (folder / "checkpoints").mkdir()
    with contextlib.suppress(KeyboardInterrupt):
        about = conditions(RUN, data, drawn, CPU)
        simulate(RUN, data, drawn, CPU, stop, Checkpoints(folder / "checkpoints", about))
    (path,) = (folder / "checkpoints").glob("*.safetensors")
    return path


def make_results(name: str) -> Callable[[Path], Path]:
    """Write two finished runs, one of whose files is spoiled."""

    def make(folder: Path) -> Path:
        for k_p in (0, 2):
            run = change(replace(RUN, rounds=1), personalization_layers=k_p)
            made = write_run(folder / f"runs/{k_p}", run, [(1, 2)])
            rows = [
                {"round": 1, "client": client, "test": run.tests[0].name, "samples": 10,
                 "correct": 5, "balanced_accuracy": 0.5, "commonest": 3, "test_loss": 1.0,
                 "train_loss": 1.0, "bytes_up": 10, "bytes_down": 10}
                for client in range(2)
            ]  # fmt: skip
            timing = [{"round": 1, "training_s": 1.0, "evaluation_s": 1.0, "checkpoint_s": 0.0}]
            record(made, conditions(run, dataset(), partition(), CPU), rows, timing)
        return folder / "runs/0" / name

    return make


def make_tables(folder: Path) -> tuple[int, str]:
    """Make the facts, and with them Table 1, of two runs."""
    runs = [folder / "runs/0", folder / "runs/2"]
    common = ["--runs", *runs, "--note", "note", "--out"]
    status, words = run_main("gather_facts.py", "--scale", "s", *common, folder / "out/facts")
    known = ["--known", REPOSITORY / "paper/results.yaml"]
    return (status, words) if status else run_main(
        "make_table.py", "1", *known, *common, folder / "out/table1"
    )  # fmt: skip


def make_configuration(folder: Path) -> Path:
    """Copy the smallest configuration."""
    shutil.copy(REPOSITORY / "tests/tiny.yaml", folder)
    return folder / "tiny.yaml"


def read_configuration(folder: Path) -> tuple[int, str]:
    """Read it by a script that only reads."""
    return run_main("prune.py", folder / "tiny.yaml")


def make_photos(name: str) -> Callable[[Path], Path]:
    """Write FLICKR-AES's two files, small; or one photograph to spoil before it is packed."""

    def make(folder: Path) -> Path:
        (folder / "in").mkdir()
        write_world(folder / "in")
        if name != "photo.jpg":
            return folder / "in" / name
        (folder / name).write_bytes(jpeg(0))
        return folder / name

    return make


def prepare_photos(folder: Path) -> tuple[int, str]:
    """Prepare them."""
    if (folder / "photo.jpg").exists():
        write_world(folder / "in", images={0: (folder / "photo.jpg").read_bytes() or b"-"})
    return prepare_files(folder / "in", folder / "out", WORKER)


def make_parquet(folder: Path) -> Path:
    """Write CIFAR-10's layout of Hugging Face, small."""
    (folder / "in").mkdir()
    images, labels = random_images(24), [n % 10 for n in range(24)]
    write_parquet(folder / "in/train-00000-of-00001.parquet", images[:20], labels[:20])
    write_parquet(folder / "in/test-00000-of-00001.parquet", images[20:], labels[20:])
    return folder / "in/train-00000-of-00001.parquet"


def prepare_parquet(folder: Path) -> tuple[int, str]:
    """Prepare it."""
    settings = {"dataset": "cifar10", "stand_in": None}
    return prepare_files(folder / "in", folder / "out", settings)


# Files from outside carry no hash of ours: what a reader makes of a spoiled one is told by its
# provenance and its list of what is left out, and cannot be compared with the file as it was.
READERS = {
    "configuration": Reader(make_configuration, read_configuration, may_differ=True),
    "partition": Reader(input_named("partition.json"), train),
    "run.json for training": Reader(input_named("run.json"), train, may_differ=True),
    "prepared data": Reader(input_named("data.safetensors"), train),
    "checkpoint": Reader(make_checkpoint, train),
    "history.csv": Reader(make_results("history.csv"), make_tables),
    "timing.csv": Reader(make_results("timing.csv"), make_tables),
    "run.json of a result": Reader(make_results("run.json"), make_tables, may_differ=True),
    "ratings": Reader(make_photos(RATINGS), prepare_photos, may_differ=True),
    "archive": Reader(make_photos(PHOTO_ARCHIVE), prepare_photos, may_differ=True),
    "photograph": Reader(make_photos("photo.jpg"), prepare_photos, may_differ=True),
    "parquet": Reader(make_parquet, prepare_parquet, may_differ=True),
}


def flip(content: bytes, draw: random.Random) -> bytes:
    """Change up to four bytes."""
    spoiled = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
    return bytes(spoiled)


def cut(content: bytes, draw: random.Random) -> bytes:
    """Keep the beginning."""
    return content[: draw.randrange(len(content))]


def swap_lines(content: bytes, draw: random.Random) -> bytes:
    """Put two lines in each other's place."""
    lines = content.split(b"\n")
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def double_line(content: bytes, draw: random.Random) -> bytes:
    """Write a line twice."""
    lines = content.split(b"\n")
    lines.insert(draw.randrange(len(lines)), draw.choice(lines))
    return b"\n".join(lines)


def other_value(content: bytes, draw: random.Random) -> bytes:
    """Put something absurd in the place of a number or a word."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?|\"[^\"]*\"|\b[a-z_]+\b", content)) or None
    if found is None:
        return flip(content, draw)
    one = draw.choice(found)
    absurd = [b"-1", b"0", b"1e999", b"NaN", b"null", b"[]", b"{}", b'"x"', b"true", b"9" * 30,
              b"0.5", b"", b"[[[[", b"\xff", "ü".encode(), b"1.0", b"007"]  # fmt: skip
    return content[: one.start()] + draw.choice(absurd) + content[one.end() :]


def other_encoding(content: bytes, draw: random.Random) -> bytes:
    """Save as an editor elsewhere does."""
    text = content.decode("utf-8", errors="replace")
    return text.encode(draw.choice(["utf-16", "utf-32", "utf-8-sig"]))


def empty(content: bytes, draw: random.Random) -> bytes:
    """Leave nothing, or only zeros or blanks."""
    return draw.choice([b"", b"\0" * len(content), b" ", b"\n"])


MUTATIONS = (flip, cut, swap_lines, double_line, other_value, other_value, other_encoding, empty)


def tree(folder: Path) -> dict[str, str]:
    """Hash every file below a folder, apart from what says when and how long."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("timing.csv", "run.json", ".lock")
    }


def one(reader: Reader, template: Path, spoiled: bytes, name: str, whole: dict) -> tuple[str, str]:
    """Read one spoiled file; return what came of it, and details of a fault."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "in"
        shutil.copytree(template, folder)
        (folder / name).write_bytes(spoiled)
        before = tree(folder)
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                status, words = reader.read(folder)
        except BaseException:
            return "traceback", traceback.format_exc()
        after = tree(folder)
        if status == 0:
            if "Traceback" in said.getvalue():
                return "traceback", said.getvalue()
            result = {path: value for path, value in after.items() if path.startswith("out/")}
            if result == whole:
                return "accepted, same result", ""
            return ("accepted" if reader.may_differ else "accepted, other result"), str(result)
        if not words.startswith("error: ") or "\n" in words.strip():
            return "not one line", words
        lost = before.keys() - after.keys()
        left = {path for path in after.keys() - before.keys() if ".writing-" in path}
        if lost or left:
            return "half-written or lost", f"{lost} {left}"
        return "refused", words


FAULTS = ("traceback", "not one line", "half-written or lost", "accepted, other result")


def campaign(n: int, seed: int, names: list[str]) -> tuple[Counter, list[str]]:
    """Spoil n files, of each kind equally many; count what came of them, and describe faults."""
    draw, counts, faults = random.Random(seed), Counter(), []
    with tempfile.TemporaryDirectory() as made:
        for kind in names:
            reader, template = READERS[kind], Path(made) / kind.replace(" ", "-")
            template.mkdir()
            name = reader.make(template).relative_to(template)
            content = (template / name).read_bytes()
            if kind == "archive":
                assert zipfile.is_zipfile(io.BytesIO(content))
            with tempfile.TemporaryDirectory() as sound:
                shutil.copytree(template, Path(sound) / "in")
                quiet = io.StringIO()
                with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                    status, words = reader.read(Path(sound) / "in")
                assert status == 0, f"{kind}, not spoiled: {words}"
                after = tree(Path(sound) / "in")
            whole = {path: value for path, value in after.items() if path.startswith("out/")}
            for _ in range(n // len(names)):
                mutate = draw.choice(MUTATIONS)
                spoiled = mutate(content, draw)
                if spoiled == content:
                    continue
                found, details = one(reader, template, spoiled, name, whole)
                counts[kind, found] += 1
                if found in FAULTS:
                    faults.append(f"{kind}, {mutate.__name__}: {found}: {details[-600:]}")
    return counts, faults


def main() -> None:
    """Read the command line, spoil, print a table and the faults; status 1 if there are some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=READERS, default=list(READERS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    counts, faults = campaign(arguments.n, arguments.seed, arguments.kinds)
    for fault in faults[:20]:
        print(fault, end="\n\n")
    for (kind, found), n in sorted(counts.items()):
        print(f"{n:6d}  {kind}: {found}")
    print(f"{sum(counts.values()):6d}  in all, {len(faults)} of them faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()

"""Many runs of a configuration in one process: their order, what they read, and when to stop."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fedper.data.dataset import Dataset
from fedper.data.make_partition import make_partition
from fedper.data.partition import Partition
from fedper.data.prepare import prepare, write_prepared
from fedper.data.stored import load_dataset, read_partition, write_partition
from fedper.errors import InputError
from fedper.exits import TryAgainError
from fedper.fetch.raw import read_receipt, receipt_of
from fedper.files import is_whole_run, write_text
from fedper.job.limit import Limit
from fedper.job.record import SECONDS
from fedper.job.simulate import Options, train_run
from fedper.names import dataset_order, model_order
from fedper.plan.experiments import figure_runs
from fedper.plan.inputs import PlannedPartition, Prepared
from fedper.plan.universes import universes
from fedper.provenance import code_digest, code_of
from fedper.run import Run

MULTIVERSE = "multiverse"
"""What stands for the runs of all universes, where figures are named."""


@dataclass(frozen=True)
class Wanted:
    """Which runs of a configuration are asked for; None: all that it has.

    Attributes:
        figures: their names, or MULTIVERSE.
        datasets: their names.
        models: their names.
        seeds: their numbers.
    """

    figures: Sequence[str] | None = None
    datasets: Sequence[str] | None = None
    models: Sequence[str] | None = None
    seeds: Sequence[int] | None = None


def in_order(config: dict, wanted: Wanted) -> list[Run]:
    """List the runs that are wanted, the most telling first.

    By model, as the paper has them, then by seed, then by figure, and in it the smallest k before
    the largest and those between. Methods that a figure compares stand next to each other.

    Raises InputError for a name that the configuration has not, or if no run is left.
    """
    figures = list(wanted.figures or config["figures"])
    for name in figures:
        if name != MULTIVERSE and name not in config["figures"]:
            known = ", ".join([*config["figures"], MULTIVERSE])
            raise InputError(f"--figures {name}: not in this configuration; it has {known}")
    place: dict[str, int] = {}
    runs: dict[str, Run] = {}
    for number, figure in enumerate(figures):
        for run in _runs_of(config, figure):
            place.setdefault(run.name, number)
            runs.setdefault(run.name, run)
    chosen = [run for run in runs.values() if _is_wanted(run, wanted)]
    if not chosen:
        raise InputError("no run of the configuration is wanted; ask for less at once")
    ks = {
        run.dataset: sorted({r.classes_per_client or 0 for r in chosen if r.dataset == run.dataset})
        for run in chosen
    }

    def rank(run: Run) -> tuple:
        of_dataset = ks[run.dataset]
        k = of_dataset.index(run.classes_per_client or 0)
        last = len(of_dataset) - 1
        k = 1 if k == last > 0 else k + (k > 0)  # the largest comes second
        figure = place[run.name]
        return model_order(run.model), run.seed, figure, dataset_order(run.dataset), k

    return sorted(chosen, key=rank)


def _runs_of(config: dict, figure: str) -> list[Run]:
    if figure == MULTIVERSE:
        return [run for universe in universes(config) for run in universe.runs]
    return figure_runs(config, figure)


def _is_wanted(run: Run, wanted: Wanted) -> bool:
    return all(
        names is None or value in names
        for names, value in (
            (wanted.datasets, run.dataset), (wanted.models, run.model), (wanted.seeds, run.seed),
        )
    )  # fmt: skip


@dataclass(frozen=True)
class Folders:
    """Where the pipeline keeps what belongs to a scale."""

    scale: str

    @property
    def prepared(self) -> Path:
        """Data sets."""
        return Path("data/prepared") / self.scale

    @property
    def partitions(self) -> Path:
        """Who holds what."""
        return Path("results") / self.scale / "partitions"

    def run(self, run: Run) -> Path:
        """What a run leaves."""
        return Path("results") / self.scale / "runs" / run.name

    def checkpoints(self, run: Run) -> Path:
        """Where a run goes on from."""
        return Path("checkpoints") / self.scale / run.name

    def is_finished(self, run: Run) -> bool:
        """Tell whether a run is there, and of this code."""
        folder = self.run(run)
        return is_whole_run(folder) and code_of(folder / "run.json") == code_digest(run.model)


@dataclass
class Shelf:
    """Prepared data sets and partitions. What is missing is made; one data set is in memory.

    Attributes:
        folders: of the scale.
        raw: where downloads go.
        threads: that decode photographs.
        on_it: the data set that is in memory, by its name.
    """

    folders: Folders
    raw: Path
    threads: int = 1
    on_it: dict[str, Dataset] = field(default_factory=dict)

    def dataset(self, data: Prepared) -> Dataset:
        """Load a data set; fetch and prepare it first where that is not done."""
        if data.name not in self.on_it:
            self.on_it.clear()
            path = self.folders.prepared / f"{data.name}.safetensors"
            if not path.exists():
                self._prepare(data, path)
            self.on_it[data.name] = load_dataset(path)
        return self.on_it[data.name]

    def partition(self, planned: PlannedPartition) -> Partition:
        """Read a partition; make it first where that is not done."""
        path = self.folders.partitions / f"{planned.name}.json"
        if not path.exists():
            made = make_partition(
                self.dataset(planned.data),
                planned.samples,
                planned.n_clients,
                planned.classes_per_client,
                planned.seed,
            )
            write_partition(made, path)
        return read_partition(path)

    def _prepare(self, data: Prepared, path: Path) -> None:
        receipt_path = path.with_name(f"{data.receipt}.source.json")
        if receipt_path.exists():
            receipt = read_receipt(receipt_path)
        else:
            receipt = self._fetch(data)
            write_text(receipt_path, json.dumps(receipt, indent=2) + "\n")
        dataset, excluded = prepare(data.settings, receipt, data.seed, self.threads)
        write_prepared(
            dataset,
            excluded,
            path,
            about=path.with_name(f"{data.name}.json"),
            provenance=path.with_name(f"{data.name}.provenance.json"),
            excluded_path=path.with_name(f"{data.name}.excluded.csv"),
        )

    def _fetch(self, data: Prepared) -> dict:
        """Return the receipt of a data set's files; download them only if they are not at hand."""
        name, stand_in = data.settings["dataset"], data.settings["stand_in"]
        for source in data.sources if stand_in is None else []:
            if source["from"] == "files" and Path(source["folder"]).is_dir():
                return receipt_of(name, "files", Path(source["folder"]))
        try:
            from fedper.fetch.download import Patience
            from fedper.fetch.sources import fetch, make_stand_in
        except ImportError as error:
            raise InputError(
                f"{name}: not at hand, and {error.name}, which downloads, is not installed; bring "
                f"its files to {self.raw / name}"
            ) from error
        if stand_in is None:
            return fetch(name, data.sources, self.raw, Patience())
        return make_stand_in(name, stand_in, self.raw)


def train_in_order(
    runs: Sequence[Run],
    partitions: dict[str, PlannedPartition],
    shelf: Shelf,
    options: Options,
    limit: Limit,
    show: Callable[[str], None],
) -> tuple[list[Run], Run | None]:
    """Train runs one after another until all are done or the limit is reached.

    Args:
        runs: in order; those that are finished already are left out.
        partitions: the partition of each run, by its name.
        shelf: where data come from.
        options: how to train.
        limit: of all of them together.
        show: is given a line after each round.

    Returns:
        the runs that are finished now, and the one that was cut, if one was.
    """
    left = [run for run in runs if not shelf.folders.is_finished(run)]
    done: list[Run] = []
    for number, run in enumerate(left, start=1):
        if done and limit.reached():
            return done, None
        after = f"; run {number} of {len(left)}"
        planned = partitions[run.name]
        try:
            train_run(
                run, shelf.dataset(planned.data), shelf.partition(planned), options, limit,
                lambda line: show(line + after),  # noqa: B023
                shelf.folders.run(run), shelf.folders.checkpoints(run),
            )  # fmt: skip
        except TryAgainError as stopped:
            show(str(stopped))
            return done, run
        done.append(run)
    return done, None


def minutes_of(run: Run, finished: Sequence[Run], folders: Folders) -> float | None:
    """Estimate the minutes of a run from finished runs of its data set and model, if there are."""
    alike = [one for one in finished if (one.dataset, one.model) == (run.dataset, run.model)]
    seconds = []
    for one in alike:
        timing = pd.read_csv(folders.run(one) / "timing.csv")
        columns = [column for column in SECONDS if column in timing]
        seconds.append(timing[columns].sum(axis=1).mean())
    return run.rounds * sum(seconds) / len(seconds) / 60 if seconds else None


def clock(minutes_from_now: float) -> str:
    """Write a time of day, as "14:05"."""
    return time.strftime("%H:%M", time.localtime(time.time() + 60 * minutes_from_now))

"""What runs read: prepared data sets and partitions, and the names of their files."""

import hashlib
import json
from dataclasses import dataclass
from itertools import product

from fedper.names import DATASETS
from fedper.plan.experiments import runs_of_figures
from fedper.plan.runs import samples_of
from fedper.plan.universes import universes, with_changes
from fedper.run import Run


@dataclass(frozen=True)
class Prepared:
    """A data set in canonical form.

    A stand-in never has the name of the real data set, and other settings or sources are other
    files. So no tool can take one for the other.

    Attributes:
        dataset: its name.
        settings: what decides its content, besides files and seed: dataset and stand_in, and for
            FLICKR-AES n_clients, partition, image_size, resize_filter and max_broken.
        sources: where its files come from.
        seed: of the draw of workers; None where clients are no workers.
    """

    dataset: str
    settings: dict
    sources: list
    seed: int | None

    @property
    def name(self) -> str:
        """Name its files."""
        seed = [] if self.seed is None else [f"seed{self.seed}"]
        return "-".join([self._named_after(self.settings), *seed])

    @property
    def receipt(self) -> str:
        """Name the receipt of its files, whatever is made of them."""
        return self._named_after({key: self.settings[key] for key in ("dataset", "stand_in")})

    def _named_after(self, settings: dict) -> str:
        stand_in = settings["stand_in"]
        parts = [self.dataset, stand_in["source"]] if stand_in else [self.dataset]
        sources = sorted(self.sources, key=json.dumps)
        return "-".join([*parts, _fingerprint([settings, sources])])


@dataclass(frozen=True)
class PlannedPartition:
    """A partition that a run needs: which client holds which samples.

    Attributes:
        data: the data set.
        n_clients: N.
        classes_per_client: k; None where clients are workers.
        samples: the rule and its settings, as in a Run.
        seed: of the draw.
    """

    data: Prepared
    n_clients: int
    classes_per_client: int | None
    samples: dict
    seed: int

    @property
    def name(self) -> str:
        """Name its file: what varies, and a fingerprint of the other settings."""
        k = [] if self.classes_per_client is None else [f"k{self.classes_per_client}"]
        others = [self.n_clients, self.data.settings["stand_in"], self.samples]
        return "-".join([self.data.dataset, *k, f"seed{self.seed}", _fingerprint(others)])


def prepared(config: dict, dataset: str, seed: int) -> Prepared:
    """Return the prepared data set that runs of a seed need."""
    data = config["datasets"][dataset]
    settings = {"dataset": dataset, "stand_in": data["stand_in"]}
    by_worker = DATASETS[dataset].clients == "workers"
    if by_worker:  # then the images are those of the workers who are drawn
        keys = ("n_clients", "partition", "image_size", "resize_filter", "max_broken")
        settings |= {key: data[key] for key in keys}
    return Prepared(dataset, settings, data["sources"], seed if by_worker else None)


def planned_partition(config: dict, dataset: str, k: int | None, seed: int) -> PlannedPartition:
    """Return the partition that runs of a data set, k (None: workers) and seed need."""
    data = config["datasets"][dataset]
    made_of = prepared(config, dataset, seed)
    return PlannedPartition(made_of, data["n_clients"], k, samples_of(data), seed)


def partitions_of_runs(config: dict) -> dict[str, PlannedPartition]:
    """Map each run's name to its partition, universes included."""
    asked = [(config, list(runs_of_figures(config).values()))]
    asked += [(with_changes(config, one.changes), one.runs) for one in universes(config)]
    return {run.name: _of_run(changed, run) for changed, runs in asked for run in runs}


def all_partitions(config: dict) -> dict[str, PlannedPartition]:
    """List every partition by name: each k with the scale's seeds, and those of the runs."""
    planned = [
        planned_partition(config, dataset, k, seed)
        for dataset, data in config["datasets"].items()
        for k, seed in product(_ks(data), config["seeds"])
    ]
    return {one.name: one for one in (*planned, *partitions_of_runs(config).values())}


def partitions_to_show(config: dict, dataset: str) -> list[PlannedPartition]:
    """List the partitions of the reference's first seed: one for each k, or one by worker."""
    seed = config["seeds"][0]
    return [planned_partition(config, dataset, k, seed) for k in _ks(config["datasets"][dataset])]


def _of_run(config: dict, run: Run) -> PlannedPartition:
    return planned_partition(config, run.dataset, run.classes_per_client, run.seed)


def _ks(data: dict) -> list[int | None]:
    return data["partition"].get("classes_per_client", [None])


def _fingerprint(settings: object) -> str:
    content = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]

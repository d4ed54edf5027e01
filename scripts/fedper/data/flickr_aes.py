"""FLICKR-AES (Ren et al., ICCV 2017): photographs that each worker scored from 1 to 5.

A client is a worker, and the target is that worker's own score, as five classes. The archive is
read where it is: only images that a drawn worker rated are decoded.
"""

import re
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from fedper.data.dataset import Dataset, Split, make_dataset
from fedper.data.photos import decode_photos, open_photos
from fedper.data.ratings import compare_with_known, read_ratings, without_doubles
from fedper.data.reader import RawData
from fedper.errors import InputError
from fedper.names import PHOTO_ARCHIVE, PHOTO_FOLDER, RATINGS
from fedper.randomness import seed_for


@dataclass(frozen=True)
class Criteria:
    """Which workers can be clients, and how many are drawn (sources: config/README.md).

    Attributes:
        n_clients: workers to draw.
        min_ratings: fewest images that a worker rated.
        max_ratings: most images that a worker rated.
        min_ratings_per_score: fewest ratings of each score.
        test_fraction: share of a worker's images for testing.
        n_scores: scores are 1 … n_scores.
    """

    n_clients: int
    min_ratings: int
    max_ratings: int
    min_ratings_per_score: int
    test_fraction: float
    n_scores: int


def read(raw: RawData) -> tuple[Dataset, pd.DataFrame]:
    """Draw workers, split each one's ratings, and decode the photographs that they rated.

    The samples say which client holds them (0 … n_clients - 1, in the order in which workers were
    drawn). Raises InputError if a file is broken, too few workers meet the criteria, or a drawn
    worker no longer meets them because photographs are broken.
    """
    criteria = _criteria(raw)
    ratings, doubled = read_ratings(raw.folder / RATINGS, raw.n_classes)
    with open_photos(raw.folder / PHOTO_ARCHIVE, PHOTO_FOLDER) as photos:
        named = ratings.assign(image=ratings["image"].map(named_as_in(photos.names)))
        ratings, more = without_doubles(named)
        there = ratings["image"].isin(photos.names)
        _check_names(ratings["image"], there, photos.names, raw.folder)
        absent = ratings[~there].assign(reason="not in the archive")
        workers = eligible_workers(ratings[there], criteria)
        drawn = draw_workers(workers, criteria.n_clients, raw.seed, raw.folder / RATINGS)
        chosen = _choose(ratings[there], drawn, criteria.test_fraction, raw.seed)
        names = sorted(set(chosen["image"]))
        size, resize_filter = raw.settings["image_size"], raw.settings["resize_filter"]
        images, reasons = decode_photos(photos, names, size, resize_filter, raw.n_threads)
    _check_broken(reasons, len(names), raw)
    is_broken = chosen["image"].isin(reasons.keys())
    broken = chosen[is_broken]
    broken = broken.assign(reason=broken["image"].map(reasons))
    chosen = chosen[~is_broken]
    _check_still_eligible(chosen, drawn, criteria, raw.folder)
    excluded = pd.concat([doubled, more, absent, broken])[["worker", "image", "reason"]]
    about = {
        **raw.provenance,
        "workers_eligible": len(workers),
        "workers_drawn": len(drawn),
        "ratings_kept": len(chosen),
        "ratings_excluded": excluded["reason"].str.split(":").str[0].value_counts().to_dict(),
    }
    if raw.settings["stand_in"] is None:
        about["counts"] = compare_with_known(pd.concat([ratings, doubled, more]), photos.names)
    row_of = {name: row for row, name in enumerate(names)}
    train, test = (
        _to_split(chosen[chosen["test"] == is_test], images, row_of) for is_test in (False, True)
    )
    del images  # the splits have copies
    return make_dataset(train, test, raw.n_classes, about), excluded


def named_as_in(photographs: Set[str]) -> Callable[[str], str]:
    """Return a function from a name in the table to that of its photograph, if there is one.

    A folder before the name, a suffix of .jpg or none, and capital letters make no difference,
    unless two photographs differ in nothing else.
    """
    by_key: dict[str, list[str]] = {}
    for name in photographs:
        by_key.setdefault(_key(name), []).append(name)

    def find(name: str) -> str:
        alike = [name] if name in photographs else by_key.get(_key(name), [])
        return alike[0] if len(alike) == 1 else name

    return find


def _key(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    return name if ".." in path.parts else re.sub(r"\.jpe?g$", "", path.name.lower())


def _check_names(rated: pd.Series, there: pd.Series, photographs: Set[str], folder: Path) -> None:
    if not there.any():
        raise InputError(
            f"{folder}: none of the {rated.nunique():,} rated images is among the "
            f"{len(photographs):,} photographs: the table has names like '{rated.iloc[0]}', the "
            f"archive like '{min(photographs)}'; they do not belong together, see data/README.md"
        )


def _check_broken(reasons: dict[str, str], n: int, raw: RawData) -> None:
    most = raw.settings["max_broken"]
    if len(reasons) > most * n:
        name, reason = next(iter(reasons.items()))
        raise InputError(
            f"{raw.folder / PHOTO_ARCHIVE}: {len(reasons)} of {n} photographs cannot be used "
            f"({name} is {reason}), more than max_broken allows, {most:g} of them; bring the file "
            "again, see data/README.md, or set max_broken"
        )


def _criteria(raw: RawData) -> Criteria:
    rules = {key: value for key, value in raw.settings["partition"].items() if key != "rule"}
    return Criteria(raw.settings["n_clients"], **rules, n_scores=raw.n_classes)


def eligible_workers(ratings: pd.DataFrame, criteria: Criteria) -> list[str]:
    """List the workers who meet the criteria, sorted."""
    counts = pd.crosstab(ratings["worker"], ratings["score"])
    counts = counts.reindex(columns=range(1, criteria.n_scores + 1), fill_value=0)
    total = counts.sum(axis=1)
    meets = total.between(criteria.min_ratings, criteria.max_ratings)
    meets &= counts.min(axis=1) >= criteria.min_ratings_per_score
    return sorted(counts.index[meets])


def draw_workers(eligible: list[str], n: int, seed: int, source: Path) -> list[str]:
    """Draw n workers, in the order of their client numbers; InputError if there are too few."""
    if len(eligible) < n:
        raise InputError(
            f"{source}: only {len(eligible)} workers meet the criteria, but n_clients is {n}; "
            "ask for fewer clients, or bring the whole files"
        )
    generator = np.random.default_rng(seed_for(seed, "workers"))
    return [eligible[row] for row in generator.permutation(len(eligible))[:n]]


def _choose(
    ratings: pd.DataFrame, drawn: list[str], test_fraction: float, seed: int
) -> pd.DataFrame:
    """Keep the drawn workers' ratings, with client number and side of the split, in fixed order."""
    parts = []
    for client, worker in enumerate(drawn):
        own = ratings[ratings["worker"] == worker].sort_values("image").assign(client=client)
        _, test = train_test_split(
            np.arange(len(own)),
            test_size=test_fraction,
            stratify=own["score"],
            random_state=seed_for(seed, "worker split", client) % 2**32,
        )
        parts.append(own.assign(test=np.isin(np.arange(len(own)), test)))
    return pd.concat(parts, ignore_index=True)


def _check_still_eligible(
    chosen: pd.DataFrame, drawn: Iterable[str], criteria: Criteria, folder: Path
) -> None:
    for client, worker in enumerate(drawn):
        own = chosen[chosen["worker"] == worker]
        if not eligible_workers(own, criteria):
            raise InputError(
                f"{folder}: without its broken photographs, client {client} has only {len(own)} "
                "ratings, or too few of a score, and falls below the criteria; bring the archive "
                "again, or choose another seed"
            )


def _to_split(rows: pd.DataFrame, images: np.ndarray, row_of: dict[str, int]) -> Split:
    return Split(
        images[rows["image"].map(row_of).to_numpy()],
        rows["score"].to_numpy(np.int64) - 1,
        rows["client"].to_numpy(np.int64),
    )

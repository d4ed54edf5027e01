"""FLICKR-AES's table of who gave which image which score."""

import csv
from collections.abc import Set
from pathlib import Path

import pandas as pd

from fedper.errors import InputError
from fedper.fetch.integrity import is_web_page
from fedper.files import naming

COLUMNS = ["worker", "imagePair", "score"]

KNOWN = {
    "rows": 203_104,
    "workers": 210,
    "image names": 41_541,
    "mean score": 3.01834,
    "JPEGs": 40_984,
    "rows with a photograph": 193_208,
}
"""Counts of the whole data set in two public notebooks, which agree; see data/README.md."""

AGAIN = "bring the file again, see data/README.md"


def read_ratings(path: Path, n_scores: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read who gave which image which score: columns worker, image, score (1 … n_scores).

    Blanks around names, empty lines, Windows line ends and a byte-order mark are accepted. If a
    worker rated an image twice, equal ratings become one, and different ratings are both dropped.
    The second table lists what was dropped (worker, image, reason). Raises InputError for anything
    else.
    """
    if is_web_page(path):
        raise InputError(f"{path}: a web page, not the ratings; {AGAIN}")
    try:
        with naming(path), path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, skipinitialspace=True)
            header = [name.strip() for name in next(lines, [])]
            if header != COLUMNS:
                raise InputError(f"{path}: columns {header} instead of {COLUMNS}; {AGAIN}")
            rows = [_check_row(row, n_scores, path, lines.line_num) for row in lines if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not readable as a table ({error}); {AGAIN}") from error
    table = pd.DataFrame(rows, columns=["worker", "image", "score"])
    return without_doubles(table.astype({"score": int}))


def compare_with_known(ratings: pd.DataFrame, photographs: Set[str]) -> str:
    """Say in a line where the files differ from the published counts.

    Other counts are no error: archives with 40,000 and with 40,988 photographs have been seen.

    Args:
        ratings: every row of the table, with columns worker, image, score.
        photographs: names of the files in the archive.
    """
    found = {
        "rows": len(ratings),
        "workers": ratings["worker"].nunique(),
        "image names": ratings["image"].nunique(),
        "mean score": round(float(ratings["score"].mean()), 5),
        "JPEGs": sum(name.endswith(".jpg") and name[0] != "." for name in photographs),
        "rows with a photograph": int(ratings["image"].isin(photographs).sum()),
    }
    others = [f"{n:,} {what}, not {KNOWN[what]:,}" for what, n in found.items() if n != KNOWN[what]]
    if not others:
        return "all counts are those of the whole data set as others know it"
    return f"differs from the whole data set as others know it: {'; '.join(others)}"


def _check_row(row: list[str], n_scores: int, path: Path, line: int) -> list[str]:
    values = [value.strip() for value in row]
    scores = [str(score) for score in range(1, n_scores + 1)]
    if len(values) != len(COLUMNS) or "" in values or values[2] not in scores:
        raise InputError(
            f"{path}: line {line} is {values}, not a worker, an image and a score of "
            f"1 … {n_scores}; {AGAIN}"
        )
    return values


def without_doubles(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Drop a worker's second, equal rating of an image, and of two that differ both.

    table: columns worker, image, score. Returns what is kept, and what is not, with a reason.
    """
    pair = ["worker", "image"]
    n_scores = table.groupby(pair)["score"].transform("nunique")
    again = table.duplicated(pair)
    excluded = pd.concat(
        [
            table[n_scores > 1].assign(reason="rated twice, with other scores"),
            table[(n_scores == 1) & again].assign(reason="rated twice, with the same score"),
        ]
    )
    kept = table[(n_scores == 1) & ~again]
    return kept.reset_index(drop=True), excluded

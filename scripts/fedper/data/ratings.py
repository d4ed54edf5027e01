"""FLICKR-AES's table of who gave which image which score."""

from pathlib import Path

import numpy as np
import pandas as pd

from fedper.data.integrity import is_web_page
from fedper.errors import InputError

COLUMNS = ["worker", "imagePair", "score"]
N_SCORES = 5

AGAIN = "bring the file again, see data/README.md"


def read_ratings(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read who gave which image which score: columns worker, image, score (1 … 5).

    Blanks around names, Windows line ends and a byte-order mark are taken in stride. A worker's
    second, equal rating of an image is dropped, and of two that differ both are; the second table
    lists these (worker, image, reason). Raises InputError for any other irregularity.
    """
    try:
        if is_web_page(path):
            raise InputError(f"{path}: a web page, not the ratings; {AGAIN}")
        table = pd.read_csv(
            path, dtype=str, encoding="utf-8-sig", skipinitialspace=True, keep_default_na=False
        )
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not readable as a table ({reason}); {AGAIN}") from error
    table.columns = table.columns.str.strip()
    if list(table.columns) != COLUMNS:
        raise InputError(f"{path}: columns {list(table.columns)} instead of {COLUMNS}; {AGAIN}")
    table = table.fillna("").apply(lambda column: column.str.strip())
    wrong = ~table["score"].isin([str(score) for score in range(1, N_SCORES + 1)])
    wrong |= (table["worker"] == "") | (table["imagePair"] == "")
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        values = ", ".join(table.iloc[row])
        raise InputError(
            f"{path}: line {row + 2} is '{values}', not a worker, an image and a score of "
            f"1 … {N_SCORES}; {AGAIN}"
        )
    table = table.rename(columns={"imagePair": "image"}).astype({"score": int})
    return _without_doubles(table)


def _without_doubles(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
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

"""Reading what runs have written. Tables, figures, facts and verdicts rest on it."""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from fedper.errors import InputError
from fedper.files import naming, raise_if_not_read
from fedper.method import Test
from fedper.names import data_name
from fedper.run import Run, fingerprint

RUN_COLUMNS = [
    "dataset",
    "model",
    "method",
    "classes_per_client",
    "personalization_layers",
    "settings",
    "seed",
]
"""What varies between the runs of one scale, so what tells them apart.

``classes_per_client`` is NaN where clients are workers. ``settings`` says rounds, e, b and η in
words, because a figure can have its own.
"""

VALUES = ["accuracy", "balanced_accuracy"]
"""What a test measures, in 0 … 1; NaN in a row with a fault."""

ONLY_TEST = "the only one"
"""Name of the test in older histories, which do not name it, and where all runs are missing."""


def read_clients(
    folders: Sequence[Path], missing: Sequence[dict] = (), test: str | None = None
) -> pd.DataFrame:
    """Read runs: one row for each run, round and client.

    Args:
        folders: of the runs.
        missing: RUN_COLUMNS of runs that were asked for and are not there. Each gets one row,
            without a round.
        test: name of the :class:`fedper.method.Test` to keep; None: each run's reference.

    Returns:
        RUN_COLUMNS and the columns of history.csv, and these, which are NaN where the history does
        not have them:

        - accuracy: correct / samples.
        - balanced_accuracy: as in the history.
        - floor: accuracy of always guessing the client's commonest test label.
        - fault: why the row has no accuracy. "" (it has one); "missing"; "diverged" (a training
          loss of the run is not finite, in this round or before); "untested" (this client's test
          loss in this round is not finite).

    Raises:
        InputError: a file is missing or broken, or two runs have the same RUN_COLUMNS.
    """
    frames = [
        frame[frame["reference"] if test is None else frame["test"] == test]
        for frame in _read_runs(folders)
    ]
    return _join([*frames, _rows_of(missing)])


def read_tests(folders: Sequence[Path], missing: Sequence[dict] = ()) -> pd.DataFrame:
    """Read runs as :func:`read_clients` does, but keep the rows of every test.

    The column ``test`` names it, and ``reference`` is true for each run's reference. A missing run
    has a row for each test that another run has.
    """
    frames = _read_runs(folders)
    tests = dict.fromkeys(name for frame in frames for name in frame["test"].unique())
    lost = _rows_of(missing).merge(pd.DataFrame({"test": list(tests) or [ONLY_TEST]}), how="cross")
    return _join([*frames, lost.assign(reference=False)])


def read_about(folder: Path) -> dict:
    """Read a run's ``run.json``.

    Raises InputError if it cannot be read, or if its name is that of other settings.
    """
    try:
        about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if not about["name"].endswith(fingerprint(about["run"])):
            raise ValueError("the settings are not those of its name")
        if not isinstance(about.get("machines", []), list):
            raise ValueError("machines is no list")
        return about
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise_if_not_read(error, folder / "run.json")
        reason = " ".join(str(error).split())
        raise InputError(f"{folder}/run.json: not readable ({reason}); train it again") from error


def read_csv(folder: Path, name: str, about: dict) -> pd.DataFrame:
    """Read a run's history.csv or timing.csv.

    Raises ValueError if its hash is not the one in ``about``, the content of run.json (older ones
    have no hash), and OSError if it cannot be read.
    """
    with naming(folder / name):
        content = (folder / name).read_bytes()
    hashes = about.get("sha256", {})
    if hashes and hashlib.sha256(content).hexdigest() != hashes.get(name):
        raise ValueError(f"{name} is not the one that training wrote")
    return pd.read_csv(io.BytesIO(content))


def describe_run(run: Run) -> dict[str, object]:
    """Give the values of RUN_COLUMNS for one run."""
    return describe_settings(asdict(run))


def describe_settings(settings: dict) -> dict[str, object]:
    """Give the values of RUN_COLUMNS for the settings in a ``run.json``.

    Other settings may be there or not, so histories of other versions stay readable. Raises
    KeyError or TypeError if a setting that is needed is missing.
    """
    method = settings["method"]
    epochs = " + ".join(str(phase["epochs"]) for phase in method["train"])
    return {
        "dataset": data_name(settings["dataset"], settings["stand_in"]),
        "model": settings["model"],
        "method": method["name"],
        "classes_per_client": settings["classes_per_client"],
        "personalization_layers": method["personalization_layers"],
        "settings": f"{settings['rounds']} rounds, e = {epochs}, b = {settings['batch_size']}, "
        f"η = {settings['learning_rate']:g}",
        "seed": settings["seed"],
    }


def _read_runs(folders: Sequence[Path]) -> list[pd.DataFrame]:
    frames = [_read_run(folder) for folder in folders]
    alike = pd.concat([frame[RUN_COLUMNS].head(1) for frame in frames]) if frames else None
    if alike is not None and alike.duplicated().any():
        first = alike[alike.duplicated()].iloc[0].to_dict()
        raise InputError(f"two runs cannot be told apart: {first}; ask for one of them")
    return frames


def _read_run(folder: Path) -> pd.DataFrame:
    try:
        about = read_about(folder)
        settings = about["run"]
        columns, n_rounds = describe_settings(settings), settings["rounds"]
        history = read_csv(folder, "history.csv", about)
        reference = ONLY_TEST
        if "test" in history:
            reference = Test.from_values(settings["tests"][0]).name
        history = _with_values(history.assign(test=history.get("test", ONLY_TEST)), reference)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise_if_not_read(error, folder)
        reason = " ".join(str(error).split())
        raise InputError(f"{folder}: not a finished run ({reason}); train it again") from error
    last = history.loc[history["reference"], "round"].max()
    if last != n_rounds and not (history["fault"] == "diverged").any():
        raise InputError(
            f"{folder}/history.csv: ends at round {last} of {n_rounds}; train it again"
        )
    for position, (column, value) in enumerate(columns.items()):
        history.insert(position, column, value)
    return history


def _with_values(history: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Add VALUES, ``floor``, ``fault`` and ``reference`` to a history."""
    history["reference"] = history["test"] == reference
    ended = history.loc[~np.isfinite(history["train_loss"]), "round"].min()  # NaN if it did not
    history = pd.concat([history, _not_recorded(history, ended)], ignore_index=True)
    untested = ~np.isfinite(history["test_loss"])
    history["fault"] = np.select(
        [history["round"] >= ended, untested], ["diverged", "untested"], default=""
    )
    good = history["fault"] == ""
    history["accuracy"] = (history["correct"] / history["samples"]).where(good)
    balanced, commonest = (history.get(n, np.nan) for n in ("balanced_accuracy", "commonest"))
    history["balanced_accuracy"] = pd.Series(balanced, history.index, dtype=float).where(good)
    return history.assign(floor=commonest / history["samples"])


def _not_recorded(history: pd.DataFrame, ended: float) -> pd.DataFrame:
    """Make rows for the tests that were not due in the round in which a run diverged.

    Without them the last row of such a test would be that of an earlier round.
    """
    end = history[history["round"] == ended]
    others = [name for name in history["test"].unique() if name not in set(end["test"])]
    rows = [end[end["reference"]].assign(test=name, reference=False) for name in others]
    return pd.concat(rows) if rows else history.head(0)


def _rows_of(missing: Sequence[dict]) -> pd.DataFrame:
    """Make one row for each run that is missing."""
    nothing = dict.fromkeys(
        ["round", "samples", *VALUES, "floor", "bytes_up", "bytes_down"], np.nan
    )
    rows = pd.DataFrame(list(missing), columns=RUN_COLUMNS)
    return rows.assign(client=0, fault="missing", reference=True, **nothing)


def _join(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Put runs under each other. Empty frames are left out, as they would decide column types."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled or frames[-1:], ignore_index=True)

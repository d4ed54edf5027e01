"""A run that was trained twice: what differs."""

from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pandas as pd

from fedper.errors import InputError
from fedper.files import write_text
from fedper.hashing import hash_file
from fedper.results.histories import read_about, read_clients
from fedper.results.summary import last_round


@dataclass(frozen=True)
class Again:
    """A finished run, and the same run trained again.

    Attributes:
        scale: of the run.
        run: its name.
        there: machine and version of PyTorch that trained it first; several with " / " between.
        here: those that trained it again.
        same_bytes: whether both have the same history.
        accuracy_there: in the last round, by the reference test, mean over clients.
        accuracy_here: the same of the run trained again.
    """

    scale: str
    run: str
    there: str
    here: str
    same_bytes: bool
    accuracy_there: float
    accuracy_here: float


def compare(scale: str, there: Path, here: Path) -> Again:
    """Compare two folders of the same run; InputError if one is not a finished run."""
    both = there, here
    accuracies = [last_round(read_clients([folder]))["accuracy"].mean() for folder in both]
    one, other = (hash_file(folder / "history.csv") for folder in both)
    return Again(scale, there.name, *map(_made_by, both), one == other, *accuracies)


def note(found: Again, path: Path) -> None:
    """Add a line to a CSV file with the columns of :class:`Again`, in place of an older one.

    Raises InputError if the file is there and has other columns.
    """
    columns = [field.name for field in fields(Again)]
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)
    if list(table) != columns:
        raise InputError(f"{path}: not the columns {', '.join(columns)}; name another file")
    keys = columns[:4]
    table = pd.DataFrame([*table.to_numpy().tolist(), astuple(found)], columns=columns)
    table = table.drop_duplicates(keys, keep="last").sort_values(keys)
    write_text(path, table.to_csv(index=False))


def _made_by(folder: Path) -> str:
    """Name the machines of a run, each with its PyTorch, in order."""
    about = read_about(folder)
    machines = about.get("machines", [about])
    return " / ".join(
        dict.fromkeys(f"{one['device']}, torch {one['versions']['torch']}" for one in machines)
    )

"""The multiverse: the same runs with some settings of the reference changed, by dotted paths."""

from copy import deepcopy
from dataclasses import dataclass

from fedper.errors import InputError
from fedper.plan.runs import grid_runs
from fedper.run import Run

SECTIONS = ("datasets", "models", "optimiser", "initialisation", "methods", "evaluation")
"""What a universe can change: what decides a result, and is not itself a list of runs."""


@dataclass(frozen=True)
class Universe:
    """One reading of the protocol. A run that its changes do not touch is the reference's own.

    Attributes:
        name: in the configuration.
        changes: values by dotted paths; none: the reference itself.
        runs: that show it.
    """

    name: str
    changes: dict
    runs: list[Run]


def universes(config: dict) -> list[Universe]:
    """List the universes that a configuration declares, in its order.

    Raises InputError as :func:`with_changes` does.
    """
    return [
        Universe(
            name, changes, grid_runs(with_changes(config, changes), config["multiverse"]["runs"])
        )
        for name, changes in config["multiverse"]["universes"].items()
    ]


def with_changes(config: dict, changes: dict) -> dict:
    """Copy a configuration with other values at dotted paths ("optimiser.momentum").

    Raises InputError for a path that the configuration has not, or that decides no result.
    """
    changed = deepcopy(config)
    for path, value in changes.items():
        *above, last = path.split(".")
        if path.split(".")[0] not in SECTIONS:
            raise InputError(f"{path}: a universe can change {', '.join(SECTIONS)}")
        if last in ("title", "sources"):
            raise InputError(f"{path}: decides no result")
        holder: object = changed
        for key in above:
            holder = _below(holder, key, path)
        _below(holder, last, path)
        holder[last] = deepcopy(value)
    return changed


def _below(holder: object, key: str, path: str) -> object:
    if not isinstance(holder, dict) or key not in holder:
        raise InputError(f"{path}: this scale has no '{key}' there")
    return holder[key]

"""The modules that a data set's record names: readers, and makers of stand-ins.

No import statement names them. They are looked up before anything runs.
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from fedper.errors import InputError
from fedper.names import DATASETS
from fedper.provenance import SCRIPTS


def find_module(stage: str, name: str, function: str) -> Path:
    """Find the file of ``fedper.<stage>.<name>``, below ``scripts``, without running it.

    Raises InputError if it is not there or has no such function.
    """
    module = Path("fedper", stage, f"{name}.py")
    if not (SCRIPTS / module).is_file():
        raise InputError(f"fedper/names.py: names '{name}', but there is no scripts/{module}")
    parsed = ast.parse((SCRIPTS / module).read_text(encoding="utf-8"))
    if not any(isinstance(node, ast.FunctionDef) and node.name == function for node in parsed.body):
        raise InputError(
            f"scripts/{module}: no function '{function}' in it, which it needs because "
            f"fedper/names.py names '{name}'"
        )
    return module


def load_function(stage: str, name: str, function: str) -> Callable:
    """Import a function of ``fedper.<stage>.<name>``; InputError as :func:`find_module`."""
    find_module(stage, name, function)
    return getattr(import_module(f"fedper.{stage}.{name}"), function)


def maker_of(stand_in: dict) -> tuple[str, str, str]:
    """Return what makes a stand-in: stage, module and function, for :func:`load_function`.

    A stand-in with files is ``fedper.fetch.<kind>.write``; its files are read like real ones. One
    without files is ``fedper.data.<kind>.make``.
    """
    kind = stand_in["source"]
    writes = (SCRIPTS / f"fedper/fetch/{kind}.py").is_file()
    return ("fetch", kind, "write") if writes else ("data", kind, "make")


def modules_of_dataset(dataset: str, stand_in: dict | None) -> list[Path]:
    """List the modules that a data set or its stand-in needs, as paths below ``scripts``.

    Raises InputError as :func:`find_module` does.
    """
    makers = [] if stand_in is None else [maker_of(stand_in)]
    readers = [("data", layout.reader, "read") for layout in DATASETS[dataset].layouts]
    needed = makers if makers and makers[0][0] == "data" else [*makers, *readers]
    return [find_module(*module) for module in dict.fromkeys(needed)]

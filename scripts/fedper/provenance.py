"""Hashes of the code that computed a result. The files are found by following imports."""

import ast
import hashlib
import io
import json
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from fedper.errors import InputError

SCRIPTS = Path(__file__).resolve().parents[1]


def modules_of(*files: Path) -> list[Path]:
    """List the files of ``fedper`` that some files import, directly or not, sorted.

    The scripts among them lie beside the package.
    """
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        package = [p for p in file.parents if p.name == "fedper" and (p / "__init__.py").exists()]
        scripts = package[0].parent if package else file.parent
        for module in _imported(file.read_text(encoding="utf-8")):
            path = scripts.joinpath(*module.split(".")).with_suffix(".py")
            if path not in found:
                found.add(path)
                waiting.append(path)
    return sorted(found)


@cache
def _imported(source: str) -> list[str]:
    """List the modules of ``fedper`` that a text imports."""
    froms = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    return [node.module for node in froms if node.module.split(".")[0] == "fedper"]


def digest_of(*files: Path) -> str:
    """Hash some files and all that they import (SHA-256).

    Comments, docstrings, empty lines, imports, names of files and time stamps do not count.
    """
    every = {*files, *modules_of(*files)}
    digest = hashlib.sha256()
    for text in sorted({without_comments(file.read_text(encoding="utf-8")) for file in every}):
        digest.update(f"{len(text)}\n{text}".encode())
    return digest.hexdigest()


@cache
def code_digest(model: str, scripts: Path = SCRIPTS) -> str:
    """Hash the code that decides what training ``model`` gives (SHA-256).

    That is the folder ``fedper/train``, the module of that model, and all that they import, as
    :func:`digest_of` hashes it. Checkpoints, limits and records change no number, and do not count.
    The first call decides, before training; later changes on disk do not matter to this process.

    Raises InputError if there is no such model.
    """
    module = scripts / f"fedper/algorithm/{model}.py"
    if not module.is_file():
        raise InputError(f"model: '{model}', but there is no fedper/algorithm/{model}.py")
    return digest_of(module, *(scripts / "fedper/train").glob("*.py"))


def code_of(about: Path) -> str | None:
    """Return the digest of the training code in a run.json, or None if it is not readable."""
    try:
        return json.loads(about.read_text(encoding="utf-8"))["code_sha256"]
    except (ValueError, KeyError, TypeError):
        return None


@cache
def without_comments(source: str) -> str:
    """Blank out comments, strings that stand alone, imports and empty lines."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in _without_effect(ast.parse(source)):
        for row in range(node.lineno, node.end_lineno + 1):
            lines[row - 1] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _without_effect(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            yield node

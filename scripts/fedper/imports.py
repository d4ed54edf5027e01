"""Which modules of this package a script stands on, so that a rule can name them as inputs."""

import ast
from pathlib import Path


def modules_of(script: Path) -> list[Path]:
    """List the files of ``fedper`` that a script beside it imports, directly or not, sorted."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop().read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "fedper":
                path = script.parent.joinpath(*node.module.split(".")).with_suffix(".py")
                if path not in found:
                    found.add(path)
                    waiting.append(path)
    return sorted(found)

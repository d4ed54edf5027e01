"""Which code a result was computed by."""

import ast
import hashlib
import io
import tokenize
from pathlib import Path

TRAINING_CODE = (
    "checkpoint.py",
    "concurrent.py",
    "convolution.py",
    "data/dataset.py",
    "device.py",
    "errors.py",
    "evaluate.py",
    "federated.py",
    "files.py",
    "models.py",
    "partition.py",
    "progress.py",
    "provenance.py",
    "randomness.py",
    "record.py",
    "run.py",
    "samples.py",
    "server.py",
    "set_up.py",
    "sgd.py",
    "simulate.py",
    "state.py",
    "weights.py",
)
"""The modules that a training run executes; a change in one of them makes its result stale."""


def code_digest() -> str:
    """Hash the training code, without its comments, docstrings and empty lines (SHA-256)."""
    digest = hashlib.sha256()
    for name in TRAINING_CODE:
        code = without_comments((Path(__file__).parent / name).read_text(encoding="utf-8"))
        digest.update(f"{name} {len(code)}\n{code}".encode())
    return digest.hexdigest()


def without_comments(source: str) -> str:
    """Blank out what cannot change a result: comments, strings that stand alone, empty lines."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text and isinstance(node.value.value, str):
            for row in range(node.lineno, node.end_lineno + 1):
                lines[row - 1] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


CODE_SHA256 = code_digest()
"""The code that this process runs, hashed before anything could change on disk."""

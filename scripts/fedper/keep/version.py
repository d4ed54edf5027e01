"""Which version of this code is running, as git and the installed package say it."""

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from fedper.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
CODE = ("Snakefile", "workflow", "scripts", "config", "paper", "environment.yml")
"""What a result comes from; another change in the folder, as of results, makes no commit dirty."""


def version_of_code(root: Path = ROOT) -> dict:
    """Say software (version of the package), commit, why (if there is none), date (ISO 8601).

    commit: of the repository whose top is ``root`` and no other, whatever GIT_DIR says; it ends in
    "-dirty" if CODE differs from it.
    """
    try:
        software = metadata.version("fedper")
    except metadata.PackageNotFoundError:
        software = "not installed"
    commit, why, date = None, "", None
    try:
        top = git(root, "rev-parse", "--show-toplevel")
        if Path(top).resolve() == root.resolve():
            changed = changed_files(root, CODE)
            commit = git(root, "rev-parse", "HEAD") + ("-dirty" if changed else "")
            date = git(root, "log", "-1", "--format=%cI")
        else:
            why = "not a git repository of its own"
    except InputError as error:
        why = str(error)
    date = date or datetime.now(UTC).isoformat(timespec="seconds")
    return {"software": software, "commit": commit, "why": why, "date": date}


def changed_files(root: Path, paths: Sequence[str]) -> list[str]:
    """List what of ``paths`` below ``root`` differs from the commit; raises as :func:`git`."""
    status = git(root, "status", "--porcelain", "--untracked-files=all", "--", *paths)
    return [line.split(maxsplit=1)[1] for line in status.splitlines()]


def git(root: Path, *arguments: str) -> str:
    """Ask git about ``root``, whatever GIT_DIR and its like say, and return its answer, stripped.

    Raises InputError, in git's words, where it refuses or is not there.
    """
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, encoding="utf-8", errors="replace",
            env=environment | {"LC_ALL": "C"},
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"git: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise InputError((error.stderr.strip() or str(error)).splitlines()[0]) from error
    return done.stdout.strip()

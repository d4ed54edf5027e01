"""Which commit of this repository is running, as git says it."""

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fedper.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
CODE = ("Snakefile", "workflow", "scripts", "config", "paper", "environment.yml")
"""What a result comes from. A change elsewhere, as of results, makes no commit dirty."""


def version_of_code(root: Path = ROOT) -> dict[str, str]:
    """Return the commit of the repository whose top is ``root``, and its date (ISO 8601).

    The commit ends in "-dirty" if CODE differs from it. Where git has none, it is "unknown", with
    the reason, and the date is now.
    """
    try:
        if Path(git(root, "rev-parse", "--show-toplevel")).resolve() != root.resolve():
            raise InputError("not a git repository of its own")
        dirty = "-dirty" if changed_files(root, CODE) else ""
        commit, date = git(root, "log", "-1", "--format=%H %cI").split()
    except InputError as error:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return {"commit": f"unknown: {error}", "date": now}
    return {"commit": commit + dirty, "date": date}


def changed_files(root: Path, paths: Sequence[str]) -> list[str]:
    """List what of ``paths`` below ``root`` differs from the commit; raises as :func:`git`."""
    status = git(root, "status", "--porcelain", "--untracked-files=all", "--", *paths)
    return [line.split(maxsplit=1)[1] for line in status.splitlines()]


def git(root: Path, *arguments: str) -> str:
    """Ask git about ``root``, and return its answer, stripped.

    Variables like GIT_DIR, which name another repository, are left out. Raises InputError, in git's
    words, where it refuses or is not there.
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

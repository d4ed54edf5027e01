"""Which version of this code is running, as git and the installed package say it."""

import os
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

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
        top = _git(root, "rev-parse", "--show-toplevel")
        if Path(top).resolve() == root.resolve():
            changed = _git(root, "status", "--porcelain", "--", *CODE)
            commit = _git(root, "rev-parse", "HEAD") + ("-dirty" if changed else "")
            date = _git(root, "log", "-1", "--format=%cI")
        else:
            why = "not a git repository of its own"
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip()
        why = said.splitlines()[0]
    date = date or datetime.now(UTC).isoformat(timespec="seconds")
    return {"software": software, "commit": commit, "why": why, "date": date}


def _git(root: Path, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, encoding="utf-8",
        errors="replace", env=environment | {"LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout.strip()

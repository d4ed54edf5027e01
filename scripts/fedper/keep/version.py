"""Which version of this code is running, as git and the installed package say it."""

import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path


def version_of_code() -> dict:
    """Say software (version of the package), commit (None without git) and date (ISO 8601)."""
    try:
        software = metadata.version("fedper")
    except metadata.PackageNotFoundError:
        software = "not installed"
    date = _git("log", "-1", "--format=%cI") or datetime.now(UTC).isoformat(timespec="seconds")
    commit = _git("describe", "--always", "--dirty", "--abbrev=40")
    return {"software": software, "commit": commit, "date": date}


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None

"""Write the replication record of a scale."""

import argparse
import json
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

from fedper.errors import one_line_errors
from fedper.files import write_text
from fedper.report.crate import make_record


@one_line_errors
def main() -> None:
    """Read the command line and what the record is about, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="results of the scale")
    parser.add_argument("--files", type=Path, nargs="+", required=True, help="results to name")
    parser.add_argument("--paper", type=Path, required=True, help="paper/record.json")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    facts, judged, paper = (
        json.loads(path.read_text(encoding="utf-8"))
        for path in (
            arguments.folder / "facts.json",
            arguments.folder / "claims.json",
            arguments.paper,
        )
    )
    record = make_record(arguments.folder, arguments.files, facts, judged, paper, _version())
    write_text(arguments.out, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _version() -> dict:
    """Say which version of the code this is: of the package, and the commit if there is git."""
    commit = _git("describe", "--always", "--dirty", "--abbrev=40")
    try:
        software = version_of("fedper")
    except PackageNotFoundError:
        software = "not installed"
    date = _git("log", "-1", "--format=%cI") or datetime.now(UTC).isoformat(timespec="seconds")
    return {"software": software, "commit": commit, "date": date}


def _git(*arguments: str) -> str | None:
    try:
        folder = str(Path(__file__).parent)
        done = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


if __name__ == "__main__":
    main()

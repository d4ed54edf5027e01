"""Write the replication record of a scale."""

import argparse
import json
from pathlib import Path

from fedper.exits import one_line_errors
from fedper.files import expecting, read_json, write_text
from fedper.keep.version import version_of_code
from fedper.report.crate import make_record


@one_line_errors
def main() -> None:
    """Read the command line and what the record is about, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="results of the scale")
    parser.add_argument("--files", type=Path, nargs="+", required=True, help="results to name")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    folder = arguments.folder
    claims = folder / "claims.json"
    facts = read_json(folder / "facts.json", "gather_facts.py", "scale", "note", "n_trained")
    judged = read_json(claims, "judge_claims.py", "claims")
    with expecting(claims, "judge_claims.py"):
        record = make_record(folder, arguments.files, facts, judged, version_of_code())
    write_text(arguments.out, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

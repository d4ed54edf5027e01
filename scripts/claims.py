"""Judge the paper's claims from the runs of a scale."""

import argparse
import json
from pathlib import Path

from fedper.claims import judge
from fedper.claims_text import to_json, to_markdown
from fedper.errors import one_line_errors
from fedper.files import write_text
from fedper.results import last_round, read_clients


@one_line_errors
def main() -> None:
    """Read the command line and the runs, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of runs")
    parser.add_argument("--note", required=True, help="what data and scale this is about")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    arguments = parser.parse_args()

    last = last_round(read_clients(arguments.runs))
    judged = judge(last)
    stand_ins = sorted(name for name in last["dataset"].unique() if "stand-in" in name)
    about = {"data": arguments.note, "stand_ins": stand_ins, "claims": judged}
    write_text(arguments.out.with_suffix(".json"), json.dumps(to_json(about), indent=2) + "\n")
    write_text(arguments.out.with_suffix(".md"), to_markdown(judged, stand_ins, arguments.note))


if __name__ == "__main__":
    main()

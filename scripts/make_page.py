"""Write a page of a scale's results that a browser shows without a network."""

import argparse
import json
from pathlib import Path

import pandas as pd
from fedper.exits import one_line_errors
from fedper.explore.lines import lines_of_runs
from fedper.explore.page import make_page
from fedper.files import expecting, read_json, write_text
from fedper.plan.experiments import all_runs


@one_line_errors
def main() -> None:
    """Read the command line, the runs that are there, verdicts and readings; write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument("--runs", type=Path, required=True, help="folder of all runs")
    parser.add_argument("--claims", type=Path, required=True, help="claims.json of the scale")
    parser.add_argument("--readings", type=Path, help="multiverse.csv, where the scale has it")
    parser.add_argument("--out", type=Path, required=True, help="the page")
    arguments = parser.parse_args()

    config = json.loads(arguments.config)
    judged = read_json(arguments.claims, "judge_claims.py", "claims", "data", "stand_ins")
    readings = pd.DataFrame()
    if arguments.readings:
        with expecting(arguments.readings, "draw_multiverse.py"):
            readings = pd.read_csv(arguments.readings)
    lines = lines_of_runs(config, arguments.runs)
    about = {
        "scale": config["scale"],
        "n_runs": len(all_runs(config)),
        "n_there": len({line["run"] for line in lines if line["run"]}),
    }
    with expecting(arguments.claims, "judge_claims.py"):
        page = make_page(lines, judged, readings, about)
    write_text(arguments.out, page)


if __name__ == "__main__":
    main()

"""Draw the effects behind the paper's claims in every reading of the protocol, with a CSV."""

import argparse
import json
from pathlib import Path

from fedper.draw.specification import draw_specification
from fedper.draw.style import save_figure
from fedper.exits import one_line_errors
from fedper.files import write_text
from fedper.judge.multiverse import describe_readings, measure_readings


@one_line_errors
def main() -> None:
    """Read the command line and the runs that are there, measure, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument("--runs", type=Path, required=True, help="folder of all runs")
    parser.add_argument("--note", required=True, help="what data and scale this shows")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    arguments = parser.parse_args()

    readings = measure_readings(json.loads(arguments.config), arguments.runs)
    note = f"{arguments.note}. {describe_readings(readings)}"
    save_figure(draw_specification(readings, note), arguments.out)
    write_text(arguments.out.with_suffix(".csv"), readings.to_csv(index=False))


if __name__ == "__main__":
    main()

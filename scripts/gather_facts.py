"""Gather what the report's text names, and beside it metrics.json for DVC, from runs."""

import json

from fedper.exits import one_line_errors
from fedper.files import write_text
from fedper.report.claims_text import to_json
from fedper.report.facts import gather_facts, gather_metrics
from fedper.results.command_line import asked_for, parser_of_runs, read_runs


@one_line_errors
def main() -> None:
    """Read the command line and the runs, sum up, write."""
    parser = parser_of_runs(__doc__)
    parser.add_argument("--scale", required=True, help="name of the configuration's scale")
    arguments = parser.parse_args()
    clients, note = read_runs(arguments)
    folders, _ = asked_for(arguments)

    facts = {"scale": arguments.scale, "note": note, **gather_facts(clients, folders)}
    for path, content in (
        (arguments.out.with_suffix(".json"), facts),
        (arguments.out.with_name("metrics.json"), gather_metrics(clients)),
    ):
        write_text(path, json.dumps(to_json(content), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

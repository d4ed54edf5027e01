"""Judge the paper's claims from the runs of a scale."""

import json

from fedper.exits import one_line_errors
from fedper.files import write_text
from fedper.judge.traffic import judge_traffic
from fedper.judge.verdicts import judge
from fedper.names import real_name
from fedper.report.claims_text import to_html, to_json, to_markdown
from fedper.results.command_line import parser_of_runs, read_runs
from fedper.results.summary import last_round


@one_line_errors
def main() -> None:
    """Read the command line and the runs, judge, write."""
    arguments = parser_of_runs(__doc__).parse_args()
    clients, note = read_runs(arguments)

    last = last_round(clients)
    judged = [*judge(last), judge_traffic(last)]
    stand_ins = sorted(name for name in last["dataset"].unique() if real_name(name) != name)
    about = {"data": note, "stand_ins": stand_ins, "claims": judged}
    write_text(arguments.out.with_suffix(".json"), json.dumps(to_json(about), indent=2) + "\n")
    for suffix, write in ((".md", to_markdown), (".html", to_html)):
        write_text(arguments.out.with_suffix(suffix), write(judged, stand_ins, note))


if __name__ == "__main__":
    main()

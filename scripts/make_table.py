"""Make one of the tables that come from the runs of a scale: 1, 2, 4, 5 or 6."""

from pathlib import Path

from fedper.exits import one_line_errors
from fedper.plan.yaml_files import read_yaml
from fedper.report.moments_table import table6
from fedper.report.published import table4
from fedper.report.table_files import write_table
from fedper.report.tables import table1, table2
from fedper.report.tests_table import table5
from fedper.results.command_line import parser_of_runs, read_runs


@one_line_errors
def main() -> None:
    """Read the command line and the runs, sum up, write."""
    parser = parser_of_runs(__doc__)
    parser.add_argument("table", type=int, choices=[1, 2, 4, 5, 6])
    parser.add_argument("--known", type=Path, required=True, help="paper/results.yaml")
    arguments = parser.parse_args()
    clients, note = read_runs(arguments, every_test=arguments.table in (5, 6))

    if arguments.table == 4:
        table = table4(clients, read_yaml(arguments.known))
    else:
        table = {1: table1, 2: table2, 5: table5, 6: table6}[arguments.table](clients)
    write_table(table, note, arguments.out)


if __name__ == "__main__":
    main()

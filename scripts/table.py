"""Make Table 1, accuracy in the last round, from the runs of a scale."""

from fedper.command_line import parser_of_runs
from fedper.errors import one_line_errors
from fedper.results import read_clients
from fedper.tables import final_accuracy, save_table1


@one_line_errors
def main() -> None:
    """Read the command line and the runs, sum up, write."""
    arguments = parser_of_runs(__doc__).parse_args()

    save_table1(final_accuracy(read_clients(arguments.runs)), arguments.note, arguments.out)


if __name__ == "__main__":
    main()

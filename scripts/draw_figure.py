"""Draw one figure from its runs, with the points behind it as CSV."""

from fedper.judge.command_line import parser_of_runs, read_runs
from fedper.errors import one_line_errors
from fedper.report.curves import draw_depths, draw_methods, draw_variants
from fedper.report.beyond import accuracy_and_traffic, draw_clients, draw_communication
from fedper.files import write_text
from fedper.report.style import save_figure
from fedper.judge.histories import last_round, mean_over_clients

FIGURES = {
    "figure2": (mean_over_clients, draw_methods),
    "figure3": (mean_over_clients, draw_methods),
    "figure4": (mean_over_clients, draw_depths),
    "figure5": (mean_over_clients, draw_depths),
    "figure6": (mean_over_clients, draw_variants),
    "figure7": (mean_over_clients, draw_methods),
    "figure8": (mean_over_clients, draw_depths),
    "clients": (last_round, draw_clients),
    "communication": (accuracy_and_traffic, draw_communication),
}
"""How the histories behind each figure are summed up, and how it is drawn."""


@one_line_errors
def main() -> None:
    """Read the command line and the runs, draw, write."""
    parser = parser_of_runs(__doc__)
    parser.add_argument("figure", choices=sorted(FIGURES))
    arguments = parser.parse_args()
    clients, note = read_runs(arguments)

    sum_up, draw = FIGURES[arguments.figure]
    points = sum_up(clients)
    save_figure(draw(points, note), arguments.out)
    write_text(arguments.out.with_suffix(".csv"), points.to_csv(index=False))


if __name__ == "__main__":
    main()

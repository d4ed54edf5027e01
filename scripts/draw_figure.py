"""Draw one figure from its runs, with the points behind it as CSV."""

from fedper.draw.figures import DRAWERS, OF_EVERY_TEST
from fedper.draw.style import save_figure
from fedper.exits import one_line_errors
from fedper.files import write_text
from fedper.results.command_line import parser_of_runs, read_runs


@one_line_errors
def main() -> None:
    """Read the command line and the runs, draw, write."""
    parser = parser_of_runs(__doc__)
    parser.add_argument("draw", choices=list(DRAWERS), help="what draws it, see paper/figures.yaml")
    arguments = parser.parse_args()
    clients, note = read_runs(arguments, every_test=arguments.draw in OF_EVERY_TEST)

    sum_up, draw = DRAWERS[arguments.draw]
    points = sum_up(clients)
    save_figure(draw(points, note), arguments.out)
    write_text(arguments.out.with_suffix(".csv"), points.to_csv(index=False))


if __name__ == "__main__":
    main()

"""Draw the effects behind all verdicts, with a CSV."""

import argparse
from pathlib import Path

from fedper.draw.forest import draw_forest, effects_of_claims
from fedper.draw.style import save_figure
from fedper.exits import one_line_errors
from fedper.files import expecting, read_json, write_text


@one_line_errors
def main() -> None:
    """Read the command line and the verdicts, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=Path, required=True, help="claims.json of a scale")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    arguments = parser.parse_args()

    judged = read_json(arguments.claims, "judge_claims.py", "claims", "data")
    with expecting(arguments.claims, "judge_claims.py"):
        effects = effects_of_claims(judged["claims"])
    save_figure(draw_forest(effects, judged["data"]), arguments.out)
    write_text(arguments.out.with_suffix(".csv"), effects.to_csv(index=False))


if __name__ == "__main__":
    main()

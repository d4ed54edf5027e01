"""The report: Typst source in ``paper/``, compiled with the results of a scale."""

import json
from collections.abc import Sequence
from pathlib import Path

import typst

from fedper.errors import InputError
from fedper.files import atomic


def compile_report(source: Path, results: Path, figures: Sequence[str], out: Path) -> None:
    """Compile ``source`` to the PDF ``out``, the same bytes for the same results.

    results: folder with facts.json, claims.json, tables/ and figures/; source and results lie
    below the current folder.  figures: names of those that the report shows, without suffix.
    Raises InputError with the compiler's first line if it fails.
    """
    with atomic(out) as temporary:
        try:
            typst.compile(
                str(source),
                output=str(temporary),
                root=".",
                ignore_system_fonts=True,
                sys_inputs={"results": f"/{results}", "figures": json.dumps(list(figures))},
                timestamp=0,
            )
        except typst.TypstError as error:
            raise InputError(f"{source}: {str(error).splitlines()[0]}") from error

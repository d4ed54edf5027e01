"""The report: Typst source in ``paper/``, compiled with the results of a scale."""

import json
import os
from pathlib import Path

import typst

from fedper.errors import InputError
from fedper.files import atomic


def compile_report(source: Path, results: Path, figures: dict[str, str], out: Path) -> None:
    """Compile ``source`` to the PDF ``out``, the same bytes for the same results.

    results: folder with facts.json, claims.json, tables/ and figures/.  figures: names of those
    that the report shows, without suffix, with what data and scale each shows.  Raises InputError
    with the compiler's first line if it fails.
    """
    source, results = source.resolve(), results.resolve()
    root = Path(os.path.commonpath([source, results]))
    inputs = {
        "results": f"/{results.relative_to(root).as_posix()}",
        "figures": json.dumps(figures),
    }
    with atomic(out) as temporary:
        try:
            typst.compile(
                str(source),
                output=str(temporary),
                root=str(root),
                ignore_system_fonts=True,
                sys_inputs=inputs,
                timestamp=0,
            )
        except (typst.TypstError, RuntimeError) as error:
            raise InputError(f"{source.name}: {str(error).splitlines()[0]}") from error

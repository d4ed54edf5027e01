"""The command line of the scripts that read runs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import pandas as pd

from fedper.files import read_json
from fedper.results.faults import describe_faults, describe_machines
from fedper.results.histories import read_clients, read_tests


def parser_of_runs(description: str) -> ArgumentParser:
    """Make a parser of --runs, --note and --out, for :func:`read_runs`."""
    parser = ArgumentParser(description=description)
    parser.add_argument(
        "--runs",
        type=Path,
        nargs="*",
        required=True,
        help="folders of runs; or a JSON file: folders, and under missing the RUN_COLUMNS of runs "
        "that were asked for and are not there",
    )
    parser.add_argument("--note", required=True, help="what data and scale this shows")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    return parser


def asked_for(arguments: Namespace) -> tuple[list[Path], list[dict]]:
    """Return the folders of runs on a command line, and what is missing.

    A file can name more of them than a command line can hold.
    """
    runs = arguments.runs
    if [path.suffix for path in runs] != [".json"]:
        return runs, []
    asked = read_json(runs[0], "the workflow", "folders", "missing")
    return [Path(folder) for folder in asked["folders"]], asked["missing"]


def read_runs(arguments: Namespace, every_test: bool = False) -> tuple[pd.DataFrame, str]:
    """Read the runs that the command line names.

    Args:
        arguments: of :func:`parser_of_runs`.
        every_test: whether to keep the rows of every test, or of each run's reference only.

    Returns:
        the runs, and the note with the names of runs that have no accuracy, and of those that
        more than one machine computed.
    """
    folders, missing = asked_for(arguments)
    clients = read_clients(folders, missing)
    notes = filter(None, (describe_faults(clients), describe_machines(folders)))
    note = ". ".join([arguments.note, *(words[0].upper() + words[1:] for words in notes)])
    return read_tests(folders, missing) if every_test else clients, note

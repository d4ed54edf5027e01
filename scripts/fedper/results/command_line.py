"""The command line of the scripts that read runs."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pandas as pd

from fedper.results.faults import describe_faults, describe_machines
from fedper.results.histories import read_clients, read_tests


def parser_of_runs(description: str) -> ArgumentParser:
    """Make a parser of --runs, --missing, --note and --out, for :func:`read_runs`."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--runs", type=Path, nargs="*", required=True, help="folders of runs")
    parser.add_argument(
        "--missing",
        default="[]",
        help="runs that were asked for and are not there: JSON, a list of their RUN_COLUMNS",
    )
    parser.add_argument("--note", required=True, help="what data and scale this shows")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    return parser


def read_runs(arguments: Namespace, every_test: bool = False) -> tuple[pd.DataFrame, str]:
    """Read the runs that the command line names.

    Args:
        arguments: of :func:`parser_of_runs`.
        every_test: whether to keep the rows of every test, or of each run's reference only.

    Returns:
        the runs, and the note with the names of runs that have no accuracy, and of those that
        more than one machine computed.
    """
    missing = json.loads(arguments.missing)
    clients = read_clients(arguments.runs, missing)
    notes = filter(None, (describe_faults(clients), describe_machines(arguments.runs)))
    note = ". ".join([arguments.note, *(words[0].upper() + words[1:] for words in notes)])
    return read_tests(arguments.runs, missing) if every_test else clients, note

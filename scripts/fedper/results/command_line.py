"""What the scripts that read runs have in common: their command lines, and how they read them."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pandas as pd

from fedper.results.faults import describe_faults, describe_machines
from fedper.results.histories import read_clients, read_tests


def parser_of_runs(description: str) -> ArgumentParser:
    """Make a parser of --runs, --missing, --note and --out; see :func:`read_runs`."""
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
    """Read the runs that the command line names; return them and the note.

    Runs without an accuracy, or without one at some client, have rows that say why. The note names
    them, and those that more than one machine computed. every_test: the rows of every test and not
    only each run's reference.
    """
    missing = json.loads(arguments.missing)
    clients = read_clients(arguments.runs, missing)
    notes = filter(None, (describe_faults(clients), describe_machines(arguments.runs)))
    note = ". ".join([arguments.note, *(words[0].upper() + words[1:] for words in notes)])
    return read_tests(arguments.runs, missing) if every_test else clients, note

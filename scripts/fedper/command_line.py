"""What the scripts that read runs have in common on their command lines."""

from argparse import ArgumentParser
from pathlib import Path


def parser_of_runs(description: str) -> ArgumentParser:
    """Make a parser of --runs (folders), --note (text) and --out (path without its suffix)."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of runs")
    parser.add_argument("--note", required=True, help="what data and scale this shows")
    parser.add_argument("--out", type=Path, required=True, help="path without its suffix")
    return parser

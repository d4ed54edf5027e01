"""Command-line options of the scripts that train."""

from argparse import ArgumentParser, Namespace
from math import inf

from fedper.job.simulate import Options


def amount(text: str) -> float:
    """Read a number of minutes, seconds or MiB: finite, 0 or more."""
    value = float(text)
    if not 0 <= value < inf:
        raise ValueError
    return value


def add_training_options(parser: ArgumentParser) -> None:
    """Add what :func:`training_options` reads, and --minutes."""
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument(
        "--checkpoint-seconds", type=amount, default=60, help="least time between two (default: 60)"
    )
    parser.add_argument(
        "--minutes", type=amount, help="stop before a round that would not fit (default: no limit)"
    )
    parser.add_argument(
        "--elsewhere", action="store_true", help="go on from a checkpoint of another machine"
    )


def training_options(arguments: Namespace) -> Options:
    """Collect what the command line says of how to train."""
    return Options(arguments.device, arguments.checkpoint_seconds, arguments.elsewhere)

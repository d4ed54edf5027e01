"""How the scripts end: with one line, and an exit status that says whether to call them again."""

import os
import sys
from collections.abc import Callable
from functools import wraps

from fedper.errors import InputError

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""How PyTorch says it, in a RuntimeError."""

TRY_AGAIN = 75
"""Exit status of what is to be called again and then goes on (EX_TEMPFAIL of sysexits.h)."""


def one_line(error: Exception) -> str:
    """Write an error in one line, whatever line breaks are in what it quotes."""
    return "\\n".join(str(error).splitlines())


def say(line: str) -> None:
    """Print a line at once, or nothing if whoever read the output is gone.

    A pipe's reader may end first, as at a scheduler's SIGTERM. Output then goes to /dev/null,
    as Python's documentation of SIGPIPE advises; otherwise Python would end with another exit
    status.
    """
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class TryAgainError(Exception):
    """Stopped before the end, but nothing is wrong: the same command goes on."""


def one_line_errors(main: Callable[[], None]) -> Callable[[], None]:
    """Wrap a script's ``main`` so that an InputError is one line on stderr and exit status 1.

    An error of the operating system (a full disk, a folder that may not be written to), and memory
    that ran out, are reported the same way. A TryAgainError is one line on stdout and exit status
    TRY_AGAIN.
    """

    @wraps(main)
    def wrapped() -> None:
        try:
            main()
        except TryAgainError as stopped:
            say(str(stopped))
            sys.exit(TRY_AGAIN)
        except InputError as error:
            sys.exit(f"error: {one_line(error)}")
        except MemoryError as error:
            sys.exit(f"error: memory ran out ({str(error) or 'MemoryError'}); free some, run again")
        except RuntimeError as error:
            if not any(words in str(error) for words in OUT_OF_MEMORY):
                raise
            sys.exit(f"error: memory ran out ({str(error).splitlines()[0]}); free some, run again")
        except OSError as error:
            if error.strerror is None:
                raise
            what = error.filename or "a file or the output"
            sys.exit(f"error: {what}: {error.strerror}; mend that and run again")

    return wrapped

"""Errors that the user can mend, and how they are shown."""

import sys
from collections.abc import Callable
from functools import wraps


class InputError(Exception):
    """Something the user gave is wrong: the message names the file or key, and the remedy."""


def one_line_errors(main: Callable[[], None]) -> Callable[[], None]:
    """Wrap a script's ``main`` so that an InputError is one line on stderr and exit status 1.

    So is what the operating system refuses: a full disk, a folder that may not be written to.
    """

    @wraps(main)
    def wrapped() -> None:
        try:
            main()
        except InputError as error:
            sys.exit(f"error: {error}")
        except OSError as error:
            if error.strerror is None:
                raise
            what = error.filename or "the output"
            sys.exit(f"error: {what}: {error.strerror}; mend that and run again")

    return wrapped

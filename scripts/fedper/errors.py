"""Errors that the user can mend."""


class InputError(Exception):
    """Something the user gave is wrong: the message names the file or key, and the remedy."""

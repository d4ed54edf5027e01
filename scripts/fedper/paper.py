"""Reading what is known of the paper: the YAML files in ``paper/``."""

from pathlib import Path

import yaml

from fedper.errors import InputError


def read_known(path: Path) -> dict | list:
    """Read one of ``paper/``'s YAML files.

    Raises InputError if it is not there or not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())
        raise InputError(f"{path}: not readable as YAML ({line}); restore it from git") from error

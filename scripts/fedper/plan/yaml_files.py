"""Reading YAML files that people write: configurations, and what is known of the paper."""

from pathlib import Path

import yaml

from fedper.errors import InputError


def read_yaml(path: Path) -> dict | list:
    """Read a YAML file.

    Raises InputError if it is not there or not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())
        raise InputError(f"{path}: not readable as YAML ({line})") from error

"""Reading YAML files that people write, by YAML 1.2.

PyYAML, because a machine that is lent for training has it (see train_many.py).
"""

import re
from pathlib import Path

import yaml

from fedper.errors import InputError
from fedper.files import raise_if_not_read

SCALARS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(?:0|[1-9][0-9]*)",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.inf|\.nan",
}
"""What is no text: YAML 1.2's core schema, without octal and hexadecimal numbers.

PyYAML reads by YAML 1.1, where 010 is 8, 1:02 is 62, yes is true and 5e-05 is a text.
"""


YAML_ERRORS = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError)
"""What PyYAML raises for what it cannot read: its own error, or that of a conversion."""


class StrictLoader(yaml.SafeLoader):
    """YAML by SCALARS, in which a key stands once in a mapping."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """As PyYAML, which lets the last of several equal keys win."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise yaml.YAMLError(
                    f"the key {key!r:.60} is no text, line {line}; put it in quotes"
                )
            if key in seen:
                raise yaml.YAMLError(f"the key '{key}' stands twice in a mapping, line {line}")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


for _kind, _pattern in SCALARS.items():
    _whole = re.compile(f"^(?:{_pattern})$")
    StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", _whole, None)


def read_yaml(path: Path) -> dict | list:
    """Read a YAML file.

    Raises InputError if it is not there, not UTF-8, not YAML, or has a key twice in a mapping.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except (OSError, RecursionError, *YAML_ERRORS) as error:
        raise_if_not_read(error, path)
        line = " ".join(str(error).split())
        raise InputError(f"{path}: not readable as YAML ({line})") from error


def parse_yaml(text: str) -> object:
    """Read YAML; raises one of YAML_ERRORS."""
    return yaml.load(text, Loader=StrictLoader)


def plain(value: object) -> object:
    """Read the texts in ``value``, a structure of lists, dicts and texts, as YAML scalars.

    Snakemake makes a list of texts of ``--config 'seeds=[0, 1]'``.
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, str) or not value:
        return value
    for kind, pattern in SCALARS.items():
        if re.fullmatch(pattern, value):
            return parse_yaml(value) if kind != "null" else None
    return value

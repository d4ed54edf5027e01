"""The check of a configuration, or of a run's settings, against the schema of configurations."""

import math
from functools import cache
from pathlib import Path

import yaml

from fedper.errors import InputError

try:
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend
except ImportError:  # a machine that only trains what was checked elsewhere
    Draft202012Validator = None

SCHEMA = Path(__file__).with_suffix(".yaml")


def _is_number(_: object, value: object) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def _strict_validator() -> type:
    """Make a validator by JSON Schema for which 10.0 is no integer, NaN and infinity no numbers."""
    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": lambda _, value: type(value) is int, "number": _is_number}
    )
    return extend(Draft202012Validator, type_checker=checker)


def check_against_schema(values: object, part: str, source: str) -> None:
    """Raise InputError for the first key that is missing, unknown or wrong.

    Nothing is checked where jsonschema is not installed.

    Args:
        values: to be checked.
        part: a definition of the schema ("run"); "" is all of it, a configuration.
        source: what the message calls the values, usually their file.
    """
    if Draft202012Validator is None:
        return
    errors = _validator(part).iter_errors(values)
    first = min(errors, key=lambda error: list(map(str, error.path)), default=None)
    if first is not None:
        raise InputError(f"{source}: {_describe(first)}")


@cache
def _validator(part: str) -> object:
    # in C where PyYAML can, because every training waits for it
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schema = yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=loader)
    of_part = {"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]}
    return _strict_validator()(of_part if part else schema)


def _describe(error: "ValidationError") -> str:
    key = ".".join(map(str, error.absolute_path))
    prefix = f"{key}: " if key else ""
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = ", ".join(f"'{name}'" for name in error.instance if name not in known)
        return f"{prefix}unknown key {unknown}; known are {', '.join(known)}"
    if error.validator == "required":
        missing = ", ".join(f"'{k}'" for k in error.validator_value if k not in error.instance)
        return f"{prefix}missing key {missing}"
    described = error.schema.get("description", "")
    if described.startswith("May hold"):
        return f"{prefix}{error.instance!r}; it m{described[1:]}"
    return f"{prefix}{error.message}"

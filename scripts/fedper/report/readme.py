"""The table of all keys in ``config/README.md``, from ``paper/settings.yaml``."""

import re

from fedper.errors import InputError
from fedper.report.settings import IN_THE_CODE, title_of, to_text

BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


def write_keys(readme: str, reference: dict) -> str:
    """Put the table of all keys in the place of what stands between BEGIN and END.

    Raises InputError unless the text has both.
    """
    head = ["key", "what, unit, range", "at full scale", "source"]
    lines = [head, ["---"] * len(head)]
    for entry in reference["settings"]:
        key = entry["key"] if entry["key"] == IN_THE_CODE else f"`{entry['key']}`"
        what = ": ".join(filter(None, (entry["setting"], entry.get("means"))))
        lines.append([key, what, *(_by_name(entry.get(name, "")) for name in ("value", "source"))])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    text, n = re.subn(f"(?s){BEGIN}\n.*{END}", lambda _: f"{BEGIN}\n{table}{END}", readme)
    if n != 1:
        raise InputError(f"the text needs a line '{BEGIN}', and a line '{END}' below it")
    return text


def _by_name(value: object) -> str:
    """Write a value, or each one with the names that have it where names differ."""
    if not isinstance(value, dict):
        return to_text(value)
    names: dict[str, list[str]] = {}
    for name, own in value.items():
        names.setdefault(to_text(own), []).append(title_of(name))
    texts = [f"{text} ({', '.join(of)})" for text, of in names.items()]
    return "; ".join(texts if len(texts) > 1 else names)

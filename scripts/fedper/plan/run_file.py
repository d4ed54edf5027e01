"""The settings of one run, read from JSON or from an earlier ``run.json``, and checked."""

import json
from pathlib import Path

from fedper.errors import InputError
from fedper.names import DATASETS, MODELS
from fedper.plan.schema import check_against_schema
from fedper.run import Run


def read_run(text_or_path: str) -> Run:
    """Read settings from JSON, or from the ``run.json`` of an earlier run.

    Raises InputError if it cannot be read, if the settings are none of a run, or if they are not
    those of the name beside them.
    """
    source = "the settings" if text_or_path.lstrip().startswith("{") else text_or_path
    try:
        text = text_or_path if source == "the settings" else Path(source).read_text("utf-8")
        values = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{source}: not readable as JSON ({reason})") from error
    about = values if isinstance(values, dict) else {}
    settings = about.get("run", values)
    check_against_schema(settings, "run", source)
    run = Run.from_values(settings)
    check_run(run, source)
    if about.get("name", run.name) != run.name:
        raise InputError(
            f"{source}: name: {about['name']!r:.80}, but the settings are those of {run.name}; "
            "one of them was changed, so bring back the original"
        )
    return run


def check_run(run: Run, where: str) -> None:
    """Raise InputError for settings that do not go together; ``where`` starts the message."""
    if run.dataset not in DATASETS:
        raise InputError(f"{where}: dataset: {run.dataset!r:.60} is none of {', '.join(DATASETS)}")
    if run.model not in MODELS:
        raise InputError(
            f"{where}: model: {run.model!r:.60} is none of {', '.join(MODELS)}; a further one "
            "needs a record in fedper/names.py and a module in fedper/algorithm"
        )
    method = run.method
    for key, phases in (("train", method.train), ("new_base", method.new_base)):
        _check_parts(run, {phase.layers for phase in phases}, f"{where}: method.{key}")
    for number, test in enumerate(run.tests):
        needed = {phase.layers for phase in test.train}
        needed |= {"personal"} if test.personal == "fresh" else set()
        _check_parts(run, needed, f"{where}: tests.{number}")
        if test.when == "after" and not method.new_base:
            raise InputError(
                f"{where}: tests.{number}: 'after' aggregation is the 'end' of a round where "
                f"nothing is trained on the new base; write 'end'"
            )
    if all(test.when != "end" for test in run.tests):
        raise InputError(f"{where}: tests: none at the end of a round; add one")


def _check_parts(run: Run, layers: set[str], where: str) -> None:
    n_personal, n_layers = run.method.personalization_layers, MODELS[run.model].n_layers
    for name, is_there in (("personal", n_personal > 0), ("base", n_personal < n_layers)):
        if name in layers and not is_there:
            raise InputError(
                f"{where}: trains the {name} layers, but {n_personal} of {n_layers} layers are "
                "personal; change personalization_layers, or train 'all'"
            )

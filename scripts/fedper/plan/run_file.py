"""The settings of one run, read from JSON or from an earlier ``run.json``, and checked."""

import json
from pathlib import Path

from fedper.errors import InputError
from fedper.files import raise_if_not_read
from fedper.method import phase_layers
from fedper.names import DATASETS, MODELS
from fedper.plan.schema import check_against_schema
from fedper.run import Run

SMALLEST_WIDTH = {"resnet34": 0.125}
"""Below, blocks have fewer than 8 channels, and oneDNN writes beyond its buffers where a processor
has no AVX-512: wrong numbers, or a crash. (Its shortcuts are 1 x 1 convolutions of stride 2.)"""


def read_run(text_or_path: str) -> Run:
    """Read settings from JSON, or from the ``run.json`` of an earlier run.

    Raises InputError if it cannot be read, if settings of a run are missing or wrong, or if the
    name beside them is that of other settings.
    """
    source = "the settings" if text_or_path.lstrip().startswith("{") else text_or_path
    try:
        text = text_or_path if source == "the settings" else Path(source).read_text("utf-8")
        values = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise_if_not_read(error, source)
        reason = " ".join(str(error).split())
        raise InputError(f"{source}: not readable as JSON ({reason})") from error
    about = values if isinstance(values, dict) else {}
    settings = about.get("run", values)
    check_against_schema(settings, "run", source)
    run = Run.from_values(settings)
    check_settings(run, source)
    if about.get("name", run.name) != run.name:
        raise InputError(
            f"{source}: name: {about['name']!r:.80}, but the settings are those of {run.name}; "
            "one of them was changed; restore the original file"
        )
    return run


def check_settings(run: Run, where: str) -> None:
    """Raise InputError for settings that do not go together; ``where`` starts the message."""
    if run.dataset not in DATASETS:
        raise InputError(
            f"{where}: dataset: {run.dataset!r:.60} is not one of {', '.join(DATASETS)}"
        )
    if run.model not in MODELS:
        raise InputError(
            f"{where}: model: {run.model!r:.60} is not one of {', '.join(MODELS)}; a further one "
            "needs a record in fedper/names.py and a module in fedper/algorithm"
        )
    if run.width < SMALLEST_WIDTH.get(run.model, 0):
        raise InputError(
            f"{where}: {run.model} of width {run.width:g}: too narrow for PyTorch on some "
            f"processors; take {SMALLEST_WIDTH[run.model]} or more"
        )
    method = run.method
    _check_parts(run, phase_layers(method.train), f"{where}: method.train")
    _check_parts(run, phase_layers(method.new_base), f"{where}: method.new_base")
    for number, test in enumerate(run.tests):
        _check_parts(run, test.needs, f"{where}: tests.{number}")
        if test.when == "after" and not method.new_base:
            raise InputError(
                f"{where}: tests.{number}: 'after' aggregation is the 'end' of a round where "
                "nothing is trained on the new base; write 'end'"
            )
    if all(test.when != "end" for test in run.tests):
        raise InputError(f"{where}: tests: none at the end of a round; add one")


def _check_parts(run: Run, needed: set[str], where: str) -> None:
    n_layers = MODELS[run.model].n_layers
    for part in sorted(needed - run.method.parts(n_layers)):
        raise InputError(
            f"{where}: needs {part} layers, but {run.method.personalization_layers} of {n_layers} "
            "layers are personal; change personalization_layers, or train 'all'"
        )

"""DVC's stages of each scale, and which runs one of them has to train again."""

import json
import re
from pathlib import Path

import yaml

from fedper.errors import InputError
from fedper.plan.config import check_config
from fedper.plan.experiments import all_runs
from fedper.provenance import CODE_SHA256

TOP_FILE = Path("dvc.yaml")


SCHEMA = Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml"


def read_config(path: Path) -> dict:
    """Read and check a scale's configuration; raises InputError for what is wrong in it."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    check_config(config, yaml.safe_load(SCHEMA.read_text(encoding="utf-8")), source=str(path))
    return config


def stages_file(scale: str) -> Path:
    """Where a scale's stages stand: its own file if there is one, else that at the top."""
    own = Path("config/dvc") / scale / "dvc.yaml"
    return own if own.is_file() else TOP_FILE


def scale_of(top: str) -> str:
    """Name the scale whose stages ``top`` has."""
    return re.search(r"config/(\w+)\.yaml", top)[1]


def stages_of_scale(top: str, config: dict) -> dict:
    """Make another scale's stages from the text of those at the top.

    They run at the top too. Its partitions and runs are in git; its prepared data may be under a
    licence, so they are never pushed.
    """
    scale = config["scale"]
    made = yaml.safe_load(top.replace(f"/{scale_of(top)}", f"/{scale}"))
    for stage in made["stages"].values():
        stage["wdir"] = "../../.."
        for output in stage["outs"]:
            ((path, flags),) = output.items()
            if path.startswith("data/"):
                flags["push"] = False
            elif path.endswith(("/partitions", "/runs")):
                flags["cache"] = False
    made["plots"] = [
        {name: {**plot, "y": {f"../../../{file}": column for file, column in plot["y"].items()}}}
        for one in made["plots"]
        for name, plot in one.items()
        if name in config["figures"]
    ]
    return made


def runs_of_other_code(config: dict) -> list[Path]:
    """List the run.json of runs that other training code made, or that do not say which.

    Of those that are asked for; no rule makes any other.
    """
    folder = Path("results") / config["scale"] / "runs"
    found = [folder / name / "run.json" for name in sorted(all_runs(config))]
    return [path for path in found if path.is_file() and code_of(path) != CODE_SHA256]


def code_of(about: Path) -> str | None:
    """Return the digest of the training code in a run.json, or None if it is not readable."""
    try:
        return json.loads(about.read_text(encoding="utf-8"))["code_sha256"]
    except (ValueError, KeyError, TypeError):
        return None

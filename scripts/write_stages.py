"""Write DVC's stages of a scale, made from those of the scale at the top, and name their file."""

import argparse
from pathlib import Path

import yaml
from fedper.keep.stages import TOP_FILE, read_config, scale_of, stages_of_scale
from fedper.errors import InputError, one_line_errors
from fedper.files import write_text

HEAD = "# Made from dvc.yaml by `make repro`; see README, With DVC.\n\n"


@one_line_errors
def main() -> None:
    """Read the command line, write the file unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="configuration of the scale")
    config = read_config(parser.parse_args().config)

    top = TOP_FILE.read_text(encoding="utf-8")
    if config["scale"] == scale_of(top):
        print(TOP_FILE)
        return
    file = Path("config/dvc") / config["scale"] / "dvc.yaml"
    text = HEAD + yaml.safe_dump(stages_of_scale(top, config), sort_keys=False, width=100)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise InputError(f"{file}: not what {TOP_FILE} gives; move it away to have it made anew")
    if not file.exists():
        write_text(file, text)
    print(file)


if __name__ == "__main__":
    main()

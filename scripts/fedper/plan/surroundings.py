"""What Snakemake and its jobs find around them, whoever calls it."""

import os
import sys
from pathlib import Path


def settle() -> None:
    """Let jobs call this Python, also where Snakemake is called by its path, and write UTF-8.

    Titles may have letters that other encodings lack. So where Snakemake runs with another encoding
    it is started again with UTF-8.
    """
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    os.environ.update(PATH=os.pathsep.join(paths), PYTHONUTF8="1")
    is_snakemake = Path(sys.argv[0]).name in ("snakemake", "__main__.py")
    if sys.getfilesystemencoding() != "utf-8" and is_snakemake:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

"""One archive of what many runs leave, to carry from one machine to another."""

import tarfile
from collections.abc import Sequence
from pathlib import Path

from fedper.files import FILES_OF_A_RUN, atomic
from fedper.job.many import Folders
from fedper.run import Run


def pack(runs: Sequence[Run], cut: Run | None, folders: Folders, path: Path, mib: float) -> str:
    """Write the files of finished runs into a .tar.gz, and the checkpoint of one that was cut.

    Args:
        runs: that are finished.
        cut: a run that is not finished, of which the last checkpoint goes with them if it fits.
        folders: of the scale.
        path: of the archive.
        mib: size, in MiB before compression, up to which a checkpoint fits.

    Returns:
        what is in it, in words.
    """
    files = [folders.run(run) / name for run in runs for name in FILES_OF_A_RUN]
    found = sorted(folders.checkpoints(cut).glob("round-*.safetensors"))[-1:] if cut else []
    size = sum(file.stat().st_size for file in [*files, *found])
    fits = size <= mib * 2**20
    with atomic(path) as temporary, tarfile.open(temporary, "w:gz") as archive:
        for file in [*files, *(found if fits else [])]:
            archive.add(file, file.as_posix())
    words = f"{path}: {len(runs)} finished runs"
    if found:
        words += ", and a checkpoint" if fits else f"; a checkpoint is too large for {mib:g} MiB"
    return words

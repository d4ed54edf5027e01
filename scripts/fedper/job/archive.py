"""One archive of what many runs leave, to carry from one machine to another."""

import tarfile
from collections.abc import Sequence
from pathlib import Path

from fedper.files import FILES_OF_A_RUN, atomic
from fedper.job.many import Folders
from fedper.run import Run


def pack(runs: Sequence[Run], cut: Sequence[Run], folders: Folders, path: Path, mib: float) -> str:
    """Write the files of finished runs into a .tar.gz, and checkpoints of others while they fit.

    Args:
        runs: that are finished.
        cut: that are not; of each, its last checkpoint.
        folders: of the scale.
        path: of the archive.
        mib: size, in MiB before compression, that checkpoints may not make it exceed.

    Returns:
        what is in it, in words.
    """
    files = [folders.run(run) / name for run in runs for name in FILES_OF_A_RUN]
    size = sum(file.stat().st_size for file in files)
    left_out = 0
    for run in cut:
        for last in sorted(folders.checkpoints(run).glob("round-*.safetensors"))[-1:]:
            fits = size + last.stat().st_size <= mib * 2**20
            size += fits * last.stat().st_size
            files += [last] if fits else []
            left_out += not fits
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary, tarfile.open(temporary, "w:gz") as archive:
        for file in files:
            archive.add(file, file.as_posix())
    n_checkpoints = len(files) - len(FILES_OF_A_RUN) * len(runs)
    words = f"{path}: {len(runs)} finished runs, {n_checkpoints} checkpoints"
    return words + (f"; {left_out} checkpoints are too large for {mib:g} MiB" if left_out else "")

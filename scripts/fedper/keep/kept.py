"""Whether the files that DVC keeps are what its lock file says they are.

DVC hashes a file once and then trusts its time stamp and size, so what a disk or a storage spoiled
passes for whole. Here every byte is read again.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dvc.output import Output
from dvc_data.hashfile.hash import file_md5


@dataclass(frozen=True)
class Kept:
    """A file, or the list of a folder's files, that a lock file names by its MD5."""

    md5: str
    stored: Path
    """Where DVC's cache has it."""
    used: Path
    """Where the workspace has it; for a list, the folder."""
    listed: Path | None = None
    """Of a file in a folder, where the cache has the list that names it."""

    def is_stored_wrong(self) -> bool:
        """Tell whether the cache has something else under this name."""
        return is_other(self.stored, self.md5)

    def is_used_wrong(self) -> bool:
        """Tell whether the workspace has something else in this place."""
        return self.used.is_file() and is_other(self.used, self.md5)


def is_other(path: Path, md5: str) -> bool:
    """Tell whether there is a file with another hash than ``md5``, in which .dir says: a list."""
    return path.is_file() and file_md5(str(path)) != md5.removesuffix(".dir")


def kept_files(outputs: Iterable[Output]) -> Iterator[Kept]:
    """List what DVC's cache should hold of some outputs; of a folder also the list of its files.

    A list that is missing or spoiled says nothing of its files.
    """
    for output in outputs:
        if not output.use_cache or not output.hash_info:
            continue
        cache, folder = output.cache, Path(output.fs_path)
        whole = Kept(
            output.hash_info.value, Path(cache.oid_to_path(output.hash_info.value)), folder
        )
        yield whole
        if output.hash_info.isdir and whole.stored.is_file() and not whole.is_stored_wrong():
            for file in json.loads(whole.stored.read_text(encoding="utf-8")):
                stored = Path(cache.oid_to_path(file["md5"]))
                yield Kept(file["md5"], stored, folder / file["relpath"], whole.stored)


def put_aside(path: Path, folder: Path) -> None:
    """Move ``path`` into ``folder``, or remove it if the same is there; a link is only removed."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file_md5(str(path))
    if path.is_symlink() or target.exists():
        path.unlink()
    else:
        shutil.move(path, target)


def take_out(spoiled: list[Kept], folder: Path) -> None:
    """Take spoiled files out of the cache, and out of the workspace if they came from there.

    What somebody changed in the workspace meanwhile is no copy of a spoiled file, and stays.
    """
    found = {one.stored: file_md5(str(one.stored)) for one in spoiled}
    for one in spoiled:
        if one.used.is_file() and file_md5(str(one.used)) == found[one.stored]:
            put_aside(one.used, folder)
    for stored in found:
        put_aside(stored, folder)

"""Whether a file is the one that was asked for."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedper.files import naming
from fedper.hashing import hash_file


@dataclass(frozen=True)
class Remote:
    """A file on a server, and what is known of it.

    Attributes:
        url: its address.
        size: in bytes.
        checksum: "sha256:…" or "md5:…".
        check: where size and checksum are not published: returns what is wrong with a file, or
            None.
    """

    url: str
    size: int | None = None
    checksum: str | None = None
    check: Callable[[Path], str | None] | None = None

    @property
    def can_tell(self) -> bool:
        """Whether a whole file can be told from a part of it."""
        return self.checksum is not None or self.check is not None


def fault_of(path: Path, remote: Remote) -> str | None:
    """Say what keeps a file from being the one that was asked for, or None."""
    if is_web_page(path):
        return "a web page came instead of the file"
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        return f"{size:,} bytes came instead of {remote.size:,}"
    if remote.checksum is not None:
        algorithm, expected = remote.checksum.split(":")
        found = hash_file(path, algorithm)
        if found != expected:
            return f"the {algorithm.upper()} is {found[:16]}…, not {expected[:16]}…"
    return remote.check(path) if remote.check is not None else None


def fault_of_zip(path: Path) -> str | None:
    """Say whether a zip archive is cut off, from its directory at the end."""
    return None if zipfile.is_zipfile(path) else "it is cut off or no zip archive"


def fault_of_text(path: Path) -> str | None:
    """Say whether a table is empty or its last line is cut off."""
    with naming(path):
        content = path.read_bytes()
    return None if content.endswith(b"\n") else "it is empty or its last line is cut off"


def is_web_page(path: Path) -> bool:
    """Tell whether a file starts like HTML, as error and quota pages do."""
    with naming(path), path.open("rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html"))

"""Whether a file is the one that was asked for."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """A file on a server. size in bytes, checksum as "sha256:…" or "md5:…"; None if not known."""

    url: str
    size: int | None = None
    checksum: str | None = None


def fault_of(path: Path, remote: Remote) -> str | None:
    """Say what keeps a file from being the one that was asked for, or None."""
    if is_web_page(path):
        return "a web page came instead of the file"
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        return f"{size:,} bytes came instead of {remote.size:,}"
    if remote.checksum is not None:
        algorithm, expected = remote.checksum.split(":")
        found = hash_of(path, algorithm)
        if found != expected:
            return f"the {algorithm.upper()} is {found[:16]}…, not {expected[:16]}…"
    return None


def is_web_page(path: Path) -> bool:
    """Tell whether a file starts like HTML, as error and quota pages do."""
    with path.open("rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html"))


def hash_of(path: Path, algorithm: str = "sha256") -> str:
    """Hash a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()

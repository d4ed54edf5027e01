"""Photographs of all kinds, from a zip archive or a folder, as small RGB arrays.

An archive is never unpacked: entries are read into memory one by one, and their names are used
for nothing but looking them up.
"""

import io
import lzma
import stat
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from fedper.errors import InputError
from fedper.fetch.integrity import is_web_page
from fedper.files import raise_if_not_read

FORMATS = ("JPEG", "PNG", "GIF")
"""What a file may be, whatever its name says."""

MAX_PIXELS = 100_000_000
MAX_BYTES = 100_000_000
"""Larger than any camera's photograph; a file that claims more is an attack or an accident."""


TURNS = dict(zip(range(2, 9), (
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
), strict=True))  # fmt: skip
"""By EXIF's orientation, how a picture is turned upright."""

PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
"""Ways of packing that Python unpacks."""


UNPACKING_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, OSError,
)  # fmt: skip
"""What Python raises for an entry that is damaged, cut off or encrypted."""


class BrokenPhoto(Exception):
    """A photograph cannot be used; the message says why."""


@dataclass(frozen=True)
class Photos:
    """The names of all photographs, and how to read the bytes of one (or BrokenPhoto)."""

    names: frozenset[str]
    read: Callable[[str], bytes]


@contextmanager
def open_photos(path: Path, folder: str) -> Iterator[Photos]:
    """Open the archive at ``path``, or, if it has been unpacked instead, ``folder`` beside it.

    Of the archive only entries below a folder of that name count. Raises InputError if the archive
    is broken, cannot be unpacked here, or holds what no archive of photographs holds: names that
    lead out of it, links, entries of absurd size.
    """
    if not path.is_file():
        if not (path.parent / folder).is_dir():
            raise InputError(f"{path}: not here, nor a folder {folder} beside it")
        files = {file.name: file for file in (path.parent / folder).iterdir() if file.is_file()}
        yield Photos(frozenset(files), lambda name: _read_file(files[name]))
        return
    try:
        opened = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise_if_not_read(error, path)
        kind = "a web page" if is_web_page(path) else "truncated or no zip archive"
        raise InputError(f"{path}: {kind}; bring the file again, see data/README.md") from error
    with opened:
        entries = _checked_entries(opened, path, folder)
        yield Photos(frozenset(entries), lambda name: _read_entry(opened, entries[name], path))


def decode_photos(
    photos: Photos, names: list[str], size: int, resize_filter: str, n_threads: int
) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Decode photographs: uint8 [len(names), 3, size, size], and why some of them could not be.

    resize_filter: a name in PIL.Image.Resampling, in lower case. The rows of broken photographs
    are black.
    """
    images = np.zeros((len(names), 3, size, size), dtype=np.uint8)
    broken: dict[str, str] = {}
    resampling = Image.Resampling[resize_filter.upper()]

    def decode(row: int) -> None:
        try:
            images[row] = decode_photo(photos.read(names[row]), size, resampling)
        except BrokenPhoto as error:
            broken[names[row]] = f"broken: {error}"

    Image.init()  # two threads at once could each find half of Pillow's formats
    with warnings.catch_warnings(), ThreadPoolExecutor(n_threads) as pool:
        warnings.simplefilter("ignore")  # of odd EXIF and of size, where MAX_PIXELS decides
        for _ in pool.map(decode, range(len(names))):
            pass
    return images, dict(sorted(broken.items()))


def decode_photo(encoded: bytes, size: int, resampling: Image.Resampling) -> NDArray[np.uint8]:
    """Decode one photograph: turned as EXIF says, RGB, resized to a square; uint8 [3, size, size].

    The whole picture is squeezed into the square, since composition matters to a score and
    cropping would change it. Raises BrokenPhoto.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BrokenPhoto(f"{image.width} x {image.height} pixels are too many")
            if image.mode.startswith(("I", "F")):
                raise BrokenPhoto("more than 8 bits a pixel")
            turned = (
                image.transpose(TURNS[turn]) if (turn := orientation(image)) in TURNS else image
            )
            rgb = turned if turned.mode == "RGB" else turned.convert("RGB")
            small = rgb.resize((size, size), resampling)
    except (BrokenPhoto, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise BrokenPhoto("too many pixels") from error
    except Exception as error:  # Pillow has no common error for what can be wrong inside an image
        raise BrokenPhoto("does not decode") from error
    return np.asarray(small).transpose(2, 0, 1)


def orientation(image: Image.Image) -> int:
    """Read how EXIF says that a picture is turned: 1 (as it is) … 8; 1 if its block is broken.

    Only this tag is read, and no block written again: one with another broken tag still decodes.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # nor has Pillow a common error for what can be wrong in EXIF
        return 1


def _read_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> bytes:
    """Read an entry of an archive; BrokenPhoto if its bytes are damaged, cut off or encrypted."""
    try:
        return opened.read(entry)
    except UNPACKING_ERRORS as error:
        raise_if_not_read(error, path)
        raise BrokenPhoto("cannot be unpacked") from error


def _read_file(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise BrokenPhoto(f"{path.stat().st_size / 1e9:.1f} GB are too many")
    return path.read_bytes()


def _checked_entries(
    opened: zipfile.ZipFile, path: Path, folder: str
) -> dict[str, zipfile.ZipInfo]:
    entries = {}
    for entry in opened.infolist():
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        fault = None
        if ".." in parts or parts[:1] == ("/",) or ":" in "".join(parts[:1]):
            fault = "leads out of the archive"
        elif stat.S_ISLNK(entry.external_attr >> 16):
            fault = "is a link"
        elif entry.file_size > MAX_BYTES:
            fault = f"claims {entry.file_size / 1e9:,.1f} GB"
        elif entry.flag_bits & 1 or entry.compress_type not in PACKED:
            how = "encrypted" if entry.flag_bits & 1 else f"packed by method {entry.compress_type}"
            raise InputError(
                f"{path}: entry '{entry.filename}' is {how}, which cannot be unpacked here; unpack "
                f"it with another program, so that the folder {folder} lies beside it, and move it "
                "away"
            )
        if fault:
            raise InputError(
                f"{path}: entry '{entry.filename}' {fault}, so this is not the authors' archive; "
                "bring the file again, see data/README.md"
            )
        if folder in parts[:-1] and "__MACOSX" not in parts and not entry.is_dir():
            entries[parts[-1]] = entry
    if not entries:
        raise InputError(
            f"{path}: no folder {folder} in the archive; is this the right one? see data/README.md"
        )
    return entries

"""Files over HTTP: resumed after a break, tried again after growing pauses, checked at the end.

gdown transfers (ranges, partial files, Google Drive's confirmation pages, the progress bar). This
module decides which failures may pass, how long to wait, and whether a file is whole.
"""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gdown
import requests
from filelock import FileLock
from gdown.exceptions import DownloadError, FileURLRetrievalError
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from fedper.errors import InputError
from fedper.fetch.integrity import Remote, fault_of
from fedper.files import atomic

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses of failures that may pass."""


LASTING = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.SSLError,
    requests.exceptions.TooManyRedirects,
)
"""Failures that another attempt would only repeat."""


@dataclass(frozen=True)
class Patience:
    """How often to try a download, and how long to wait.

    Attributes:
        attempts: failures in a row without a new byte, after which to give up.
        first_pause_s: seconds before the second attempt; each pause is twice the one before.
        longest_pause_s: upper limit of pauses.
        timeout_s: seconds of silence after which a connection counts as dead.
    """

    attempts: int = 6
    first_pause_s: float = 1
    longest_pause_s: float = 120
    timeout_s: float = 30


def download(remote: Remote, path: Path, incomplete: Path, patience: Patience, hint: str) -> None:
    """Bring a file to ``path``, unless the right one is there already.

    Until it is whole it grows in the folder ``incomplete``, where the next call finds it and goes
    on. Raises InputError, which ends in ``hint``, if the server has no such file, sends something
    else, or fails too often; OSError if the disk is full.
    """
    incomplete.mkdir(parents=True, exist_ok=True)
    whole = incomplete / path.name
    with FileLock(incomplete / f"{path.name}.lock"):
        if path.exists() and fault_of(path, remote) is None:
            return
        for part in _parts(whole):
            if remote.can_tell and fault_of(part, remote) is None:
                part.replace(whole)  # it was whole when an earlier call was killed
        if not whole.exists():
            _transfer_patiently(remote.url, whole, patience, hint)
        fault = fault_of(whole, remote)
        if fault is not None:
            whole.unlink()
            raise InputError(f"{remote.url}: {fault}; {hint}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:  # ``path`` may be on another disk
            shutil.move(whole, temporary)


def patiently(attempt: Callable[[], object], what: str, patience: Patience, hint: str) -> object:
    """Call ``attempt`` until it succeeds or fails for good; see :func:`download`."""
    return _retry(attempt, lambda: 0, what, patience, hint)


def _transfer_patiently(url: str, whole: Path, patience: Patience, hint: str) -> None:
    def bytes_so_far() -> int:
        return sum(part.stat().st_size for part in _parts(whole))

    def attempt() -> None:
        before = bytes_so_far()
        try:
            gdown.download(
                url,
                str(whole),
                resume=True,
                use_cookies=False,
                timeout=(patience.timeout_s, patience.timeout_s),
            )
        except OSError as error:
            if isinstance(error, requests.RequestException) or error.errno is None:
                raise
            raise OSError(error.errno, error.strerror, str(whole)) from error
        except (DownloadError, KeyError, ValueError) as error:  # or headers that make no sense
            if before and bytes_so_far() == before:  # the server does not go on from there
                for part in _parts(whole):
                    part.unlink()
            raise error if isinstance(error, DownloadError) else DownloadError(error) from error

    _retry(attempt, bytes_so_far, url, patience, hint)


def _parts(whole: Path) -> list[Path]:
    """Where gdown keeps what has come of a file."""
    return list(whole.parent.glob(f"{whole.name}????????.part"))


def _retry(
    attempt: Callable[[], object],
    bytes_so_far: Callable[[], int],
    what: str,
    patience: Patience,
    hint: str,
) -> object:
    failures, furthest = 0, bytes_so_far()
    while True:
        try:
            return attempt()
        except (requests.RequestException, DownloadError, OSError) as error:
            _raise_if_lasting(error, what, hint)
            asked_pause = _retry_after(error)
            reason = _reason(error)
        now = bytes_so_far()
        failures = 1 if now > furthest else failures + 1
        furthest = max(furthest, now)
        pause = min(patience.first_pause_s * 2 ** (failures - 1), patience.longest_pause_s)
        if failures >= patience.attempts or (asked_pause or 0) > patience.longest_pause_s:
            wait = f", asks to wait {asked_pause:.0f} s" if asked_pause else ""
            raise InputError(
                f"{what}: {reason}{wait}, given up after {failures} attempts in a row; {hint}"
            )
        pause = max(pause, asked_pause or 0)
        print(f"{what}: {reason}; next attempt in {pause:g} s", file=sys.stderr, flush=True)
        time.sleep(pause)


def _raise_if_lasting(error: Exception, what: str, hint: str) -> None:
    """Raise InputError for a failure that another attempt would only repeat."""
    if isinstance(error, FileURLRetrievalError):
        raise InputError(f"{what}: Google Drive refuses the file for now; {hint}") from error
    if isinstance(error, requests.HTTPError) and error.response.status_code not in PASSING:
        raise InputError(f"{what}: {_reason(error)}; {hint}") from error
    if isinstance(error, LASTING):
        raise InputError(f"{what}: {str(error).splitlines()[0]}; {hint}") from error
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        if error.errno is None:  # of requests, before it asks: certificates that are not there
            raise InputError(f"{error}; see REQUESTS_CA_BUNDLE") from error
        raise error  # this machine's disk, not the network


def _reason(error: Exception) -> str:
    """Sum up a failure in a few words."""
    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "the server fell silent"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "the connection broke off"


def _retry_after(error: Exception) -> float | None:
    """Read how many seconds the server asks to wait, from a number or a date."""
    response = getattr(error, "response", None)
    value = None if response is None else response.headers.get("Retry-After")
    try:
        return None if value is None else Retry().parse_retry_after(value)
    except InvalidHeader:
        return None

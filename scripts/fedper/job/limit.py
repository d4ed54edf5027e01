"""When a run stops before its last round: at a time limit, or when a scheduler says so."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from types import FrameType


class Limit:
    """How long a run may take. Without arguments: for ever.

    Args:
        minutes: from now.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self._end = inf if minutes is None else time.monotonic() + 60 * minutes
        self._terminated = False
        self._longest = 0.0
        self._begun = time.monotonic()

    @contextmanager
    def heeding_sigterm(self) -> Iterator[None]:
        """Treat SIGTERM as the limit while the block runs; the current round is finished first."""
        before = signal.signal(signal.SIGTERM, self._terminate)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def begin_round(self) -> None:
        """Note that a round begins now."""
        self._begun = time.monotonic()

    def reached(self) -> str:
        """Return why no further round may begin, or "" if one may; called at the end of a round.

        The next round is expected to last as long as the longest so far. The first is always
        played, so that every call makes progress.
        """
        now = time.monotonic()
        self._longest = max(self._longest, now - self._begun)
        if self._terminated:
            return "SIGTERM"
        return "the time limit" if now + self._longest > self._end else ""

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True

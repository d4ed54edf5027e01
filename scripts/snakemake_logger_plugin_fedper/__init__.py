"""One line while Snakemake runs: how much is done, what is running, how long it still takes.

A logger plugin of Snakemake, which finds it by the name of this package; profiles/default asks for
it (``logger: fedper``). On a terminal the line is renewed every second; elsewhere, as in a pipe,
there is one a minute. What fails is shown at once, with the end of its log; so is what fetch and
prepare say, such as what was left out. Commands and messages of all jobs are in the log that
Snakemake names at the end, and what a job prints in its own log below logs/. A dry run, and a run
with ``--verbose``, look as Snakemake makes them.
"""

import logging
import re
import shutil
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

LINES_OF_LOG = 5
"""Lines of a failed job's log that are shown."""

TELLING = ("fetch", "prepare")
"""Rules that tell what a reader must know: sources passed over, data left out."""

PROGRESS_BAR = "%|"
"""What a line of a download's progress bar has, and no other."""

NOTHING_LOST = re.compile("Cannot restore .*: no backup found.")
"""What Snakemake says of a file that a failed job has not made, and that was not there before."""

PASSED_ON = re.compile("nothing to be done|complete log", re.IGNORECASE)
"""Messages of Snakemake that are shown although they are no warnings."""


@dataclass
class Job:
    """A job that runs.

    Attributes:
        rule: its name.
        what: the values of its wildcards.
        log: its log file, or None.
        started: in seconds.
    """

    rule: str
    what: str
    log: str | None
    started: float

    def __str__(self) -> str:
        """Name the job, with the round that it has reached if its log ends with one."""
        reached = self.reached()
        words = [self.rule, self.what, "(round {}/{})".format(*reached) if reached else ""]
        return " ".join(word for word in words if word)

    def reached(self) -> tuple[int, int] | None:
        """Return the last finished round and the number of rounds, if the log ends with them."""
        last = last_lines(self.log, 1)
        found = re.search(r"round (\d+)/(\d+)", last[0]) if last else None
        return (int(found[1]), int(found[2])) if found else None


@dataclass
class Progress:
    """What is known of a workflow while it runs; times in seconds.

    Attributes:
        planned: number of jobs by rule.
        finished: seconds that each finished job took, by rule.
        running: jobs by id.
        started: when the first job started.
    """

    planned: Counter = field(default_factory=Counter)
    finished: defaultdict = field(default_factory=lambda: defaultdict(list))
    running: dict[int, Job] = field(default_factory=dict)
    started: float | None = None

    def plan(self, jobs_of_rule: dict[str, int]) -> None:
        """Take the number of jobs by rule; "total" is no rule."""
        self.planned = Counter({r: n for r, n in jobs_of_rule.items() if r != "total"})

    def start(self, number: int, job: Job) -> None:
        """Note that a job starts."""
        self.started = job.started if self.started is None else self.started
        self.running[number] = job

    def finish(self, number: int, now: float) -> Job | None:
        """Note that a job is done, and return it if its start was noted."""
        job = self.running.pop(number, None)
        if job is not None:
            self.finished[job.rule].append(now - job.started)
        return job

    def seconds_left(self, now: float) -> float | None:
        """Estimate the time left; None while nothing tells how long a job that runs may take.

        A job takes as long as those of its rule took on average; where none has finished, as long
        as the rounds of one that runs promise; and where none runs either, as long as all did. As
        many jobs run beside each other as did so far.
        """
        all_seconds = [s for of_rule in self.finished.values() for s in of_rule]
        if not all_seconds or self.started is None or now <= self.started:
            return None
        mean = {rule: sum(of) / len(of) for rule, of in self.finished.items() if of}
        for job in self.running.values():
            if job.rule not in mean:
                if (reached := job.reached()) is None:
                    return None
                done, rounds = reached
                mean[job.rule] = (now - job.started) * rounds / done
        usual = sum(all_seconds) / len(all_seconds)
        left = sum(
            (n - len(self.finished[rule])) * mean.get(rule, usual)
            for rule, n in self.planned.items()
        )
        spent = sum(now - job.started for job in self.running.values())
        beside = max(1.0, (sum(all_seconds) + spent) / (now - self.started))
        return max(left - spent, 0) / beside

    def line(self, now: float) -> str:
        """Write the line."""
        done = sum(map(len, self.finished.values()))
        words = f"{done} of {self.planned.total()} jobs"
        if self.running:
            first, *others = self.running.values()
            words += f"; {first}" + (f" and {len(others)} more" if others else "")
        left = self.seconds_left(now)
        return words if left is None else f"{words}; {duration(left)} left"


def duration(seconds: float) -> str:
    """Round a time for people: 40 s, 7 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def last_lines(path: str | None, n: int = 0) -> list[str]:
    """Return the last n lines (0: all) of a text file that are not empty; [] if it is not read."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace") if path else ""
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-n:]


class LogHandler(LogHandlerBase):
    """What Snakemake gives its messages to."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Open the line."""
        self.progress = Progress()
        self.given: Counter = Counter()  # reasons, and how often
        self.told: set[str] = set()  # what TELLING rules said; they say the same for every seed
        self.stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self.is_terminal = self.stream.isatty()
        self.shows_all = self.common_settings.dryrun or self.common_settings.verbose
        self.ended = threading.Event()
        self.shows_line = not self.shows_all and not self.common_settings.quiet
        if self.shows_line:
            threading.Thread(target=self._tick, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a message of Snakemake."""
        event = getattr(record, "event", None)
        if event is not None:
            self._note(event, record)
        if self.shows_all:
            self._write(self.format(record).rstrip("\n") + "\n")
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR):
            reason = brief(getattr(record, "rule_msg", None) or "")
            self._write_once(_failed(record, reason), reason)
        elif record.levelno >= logging.WARNING or _is_passed_on(record, event):
            text = brief(self.format(record).rstrip("\n"))
            if not NOTHING_LOST.fullmatch(text):
                self._write_once(text, text)

    def _note(self, event: str, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if event == LogEvent.RUN_INFO:
            self.progress.plan(record.stats)
        elif event == LogEvent.JOB_INFO:
            what = " ".join(map(str, (record.wildcards or {}).values()))
            job = Job(record.rule_name, what, next(iter(record.log or []), None), now)
            self.progress.start(record.jobid, job)
        elif event == LogEvent.JOB_FINISHED:
            job = self.progress.finish(record.job_id, now)
            if job and job.rule in TELLING and not self.common_settings.quiet:
                said = (line for line in last_lines(job.log) if PROGRESS_BAR not in line)
                new = [line for line in said if line not in self.told]
                self.told.update(new)
                self._write("".join(f"{line}\n" for line in new))
        elif event == LogEvent.JOB_ERROR:
            self.progress.running.pop(record.jobid, None)

    def _tick(self) -> None:
        while not self.ended.wait(1 if self.is_terminal else 60):
            if self.progress.started is not None:
                self._show()

    def _show(self) -> None:
        with self.lock:
            line = self.progress.line(time.monotonic())
            if self.is_terminal:
                self._write(line[: shutil.get_terminal_size().columns - 1])
            else:
                self._write(f"{line}\n")

    def _write_once(self, text: str, reason: str) -> None:
        """Write a line, unless its reason was given before, as when a job is sent again."""
        self.given[reason] += bool(reason)
        if self.given[reason] <= 1:
            self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        """Write in place of the line."""
        self.stream.write(f"\r\033[K{text}" if self.is_terminal else text)
        self.stream.flush()

    def close(self) -> None:
        """End the line; the last one says how far it came."""
        if not self.ended.is_set():
            self.ended.set()
            again = sum(n - 1 for n in self.given.values() if n)
            if again:
                self._write(f"{again} more messages like these are in the log\n")
            if self.progress.started is not None and self.shows_line:
                self._write(f"{self.progress.line(time.monotonic())}\n")
        super().close()


def _is_passed_on(record: logging.LogRecord, event: str | None) -> bool:
    return event is None and PASSED_ON.search(record.getMessage()) is not None


def _failed(record: logging.LogRecord, reason: str) -> str:
    """Say which job failed, why, if a reason is given, and how its log ends."""
    log = next(iter(getattr(record, "log", None) or []), None)
    lines = last_lines(log, LINES_OF_LOG)
    where = f"; {log} ends with:" if lines else f"; see {log}" if log else ""
    output = next(iter(getattr(record, "output", None) or []), "what it makes")
    name = getattr(record, "rule_name", None) or getattr(record, "groupid", "a group of jobs")
    why = f": {reason}" if reason else ""
    words = f"failed: {name}, which makes {output}{why}{where}"
    return "\n".join([words, *lines])


def brief(text: str) -> str:
    """Leave out the command that was sent to SLURM, which may have thousands of letters.

    It is in the log of the whole, to which Snakemake points as well. The rest is put on one line.
    """
    said, *_ = re.split("sbatch call:|For further error details", text)
    return text if said == text else " ".join(said.split())

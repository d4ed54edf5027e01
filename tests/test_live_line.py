"""The line that Snakemake shows while it runs, against times that are made up."""

import io
import logging
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_logger_plugin_fedper import Job, LogHandler, Progress, duration


def test_time_left_follows_from_the_rules_that_have_finished():
    """Two jobs beside each other, 10 s each; eight of the ten are left: 40 s."""
    progress = Progress()
    progress.plan({"train": 10, "total": 10})
    for number in range(2):
        progress.start(number, Job("train", f"run{number}", None, started=100))
    assert progress.seconds_left(105) is None
    for number in range(2):
        progress.finish(number, now=110)
    assert progress.seconds_left(110) == pytest.approx(40)
    for number in (2, 3):
        progress.start(number, Job("train", f"run{number}", None, started=110))
    assert progress.seconds_left(114) == pytest.approx(36)
    assert progress.line(114) == "2 of 10 jobs; train run2 and 1 more; 36 s left"


def test_a_rule_that_has_not_finished_counts_as_the_others_did():
    progress = Progress()
    progress.plan({"fetch": 1, "train": 1, "figure": 3, "total": 5})
    for number, (rule, started, ended) in enumerate([("fetch", 0, 2), ("train", 2, 12)]):
        progress.start(number, Job(rule, "", None, started))
        progress.finish(number, now=ended)
    # three figures of (2 + 10) / 2 seconds, one after another
    assert progress.seconds_left(12) == pytest.approx(18)


def test_a_rule_of_which_none_has_finished_is_estimated_by_its_rounds(tmp_path):
    """A first round of ten took 50 s, so 500 s a run; two runs beside each other, 50 s done."""
    log = tmp_path / "train.log"
    progress = Progress()
    progress.plan({"prepare": 1, "train": 2, "total": 3})
    progress.start(0, Job("prepare", "", None, started=0))
    progress.finish(0, now=1)
    for number in (1, 2):
        progress.start(number, Job("train", f"run{number}", str(log), started=1))
    assert progress.seconds_left(30) is None
    log.write_text("run: round 1/10, accuracy 0.1\n")
    assert progress.seconds_left(51) == pytest.approx(450, rel=0.02)


def test_the_round_is_read_from_the_log(tmp_path):
    log = tmp_path / "train.log"
    job = Job("train", "a-run", str(log), started=0)
    assert str(job) == "train a-run"
    log.write_text("a-run: round 1/10, accuracy 0.1\na-run: round 2/10, accuracy 0.2\n\n")
    assert str(job) == "train a-run (round 2/10)"


@pytest.mark.parametrize(
    ("seconds", "words"), [(40.4, "40 s"), (89, "89 s"), (90, "2 min"), (5400, "1.5 h")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def handler(terminal=False, **settings):
    usual = {"dryrun": False, "verbose": False, "quiet": None, "stdout": True}
    made = LogHandler(SimpleNamespace(**(usual | settings)), None)
    made.stream, made.is_terminal = io.StringIO(), terminal
    return made


def message(text=None, level=logging.INFO, **extra):
    record = logging.LogRecord("snakemake", level, __file__, 1, text, None, None)
    record.__dict__.update(extra)
    return record


def tell(made, log, outcome):
    made.handle(message("Building DAG of jobs..."))
    made.handle(message(event=LogEvent.RUN_INFO, stats={"train": 2, "total": 2}))
    job = {"rule_name": "train", "jobid": 7, "wildcards": {"run": "a"}, "log": [str(log)]}
    made.handle(message("Shell command: python", event=LogEvent.SHELLCMD))
    made.handle(message(event=LogEvent.JOB_INFO, **job))
    if outcome == "finished":
        made.handle(message(event=LogEvent.JOB_FINISHED, job_id=7))
    else:
        failed = {**job, "output": ["results/a/history.csv"]}
        made.handle(message("Error in rule", logging.ERROR, event=LogEvent.JOB_ERROR, **failed))
    made.handle(message("Complete log(s): .snakemake/log/x.log"))
    made.close()
    return made.stream.getvalue()


def test_commands_and_plans_are_left_to_the_log_and_the_last_line_says_how_far_it_came(tmp_path):
    text = tell(handler(), tmp_path / "no log", "finished")
    first, last = text.splitlines()
    assert first == "Complete log(s): .snakemake/log/x.log"
    assert last.startswith("1 of 2 jobs; 0 s left")


def test_what_fails_is_shown_with_the_end_of_its_log(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("round 1/10\nerror: data/x.safetensors: is broken; prepare it again\n")
    text = tell(handler(), log, "failed")
    assert f"failed: train, which makes results/a/history.csv; {log} ends with:\n" in text
    assert "\nerror: data/x.safetensors: is broken; prepare it again\n" in text
    assert "0 of 2 jobs" in text


def test_why_a_job_was_not_sent_is_told_without_the_command_that_sends_it():
    sent = "    sbatch call:\n        sbatch --wrap=" + 1000 * "x"
    why = f"SLURM sbatch failed. The message was 'sbatch: error: A\nsbatch: error: B'.\n{sent}"
    made = handler()
    made.handle(message(why, logging.ERROR))
    failed = {"rule_name": "train", "jobid": 7, "log": [], "output": ["a"], "rule_msg": why}
    for _ in range(3):
        made.handle(message("Error", logging.ERROR, event=LogEvent.JOB_ERROR, **failed))
        made.handle(message("Cannot restore a: no backup found.", logging.ERROR))
    made.close()
    first, last = made.stream.getvalue().splitlines()
    assert first == "SLURM sbatch failed. The message was 'sbatch: error: A sbatch: error: B'."
    assert last == "3 more messages like these are in the log"


def test_why_a_job_failed_on_a_cluster_is_told_before_its_log(tmp_path):
    made = handler()
    why = "SLURM-job '3' failed, SLURM status is: 'TIMEOUT'.For further error details see the log"
    failed = {"rule_name": "train", "jobid": 7, "log": [], "output": ["a", "b"], "rule_msg": why}
    made.handle(message("Error", logging.ERROR, event=LogEvent.JOB_ERROR, **failed))
    assert made.stream.getvalue() == (
        "failed: train, which makes a: SLURM-job '3' failed, SLURM status is: 'TIMEOUT'.\n"
    )


@pytest.mark.parametrize(("rule", "told"), [("prepare", True), ("train", False)])
def test_what_fetch_and_prepare_say_is_shown_once_without_bars(tmp_path, rule, told):
    log = tmp_path / "job.log"
    log.write_text("50%|#####     | 1/2\rflickr_aes: left out, 3 ratings: broken\n")
    made = handler()
    for number in (7, 8):  # as for two seeds
        job = {"rule_name": rule, "jobid": number, "wildcards": {}, "log": [str(log)]}
        made.handle(message(event=LogEvent.JOB_INFO, **job))
        made.handle(message(event=LogEvent.JOB_FINISHED, job_id=number))
    made.close()
    said = made.stream.getvalue().splitlines()
    assert said.count("flickr_aes: left out, 3 ratings: broken") == told
    assert "%|" not in made.stream.getvalue()


def test_on_a_terminal_the_line_replaces_itself_and_is_no_wider(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    made = handler(terminal=True)
    made.handle(message(event=LogEvent.RUN_INFO, stats={"train": 2, "total": 2}))
    job = {"rule_name": "train", "jobid": 7, "wildcards": {"run": "r" * 80}, "log": []}
    made.handle(message(event=LogEvent.JOB_INFO, **job))
    made._show()
    made._show()
    shown = made.stream.getvalue().split("\r\033[K")[1:]
    assert len(shown) == 2
    assert all(len(line) == 29 and "\n" not in line for line in shown)
    made.close()


@pytest.mark.parametrize("setting", ["dryrun", "verbose"])
def test_a_dry_run_and_a_verbose_one_show_what_snakemake_says(tmp_path, setting):
    text = tell(handler(**{setting: True}), tmp_path / "no log", "finished")
    assert "Building DAG of jobs..." in text
    assert "Shell command: python" in text
    assert "1 of 2 jobs" not in text


def test_who_asks_for_quiet_sees_no_line(tmp_path):
    assert "1 of 2 jobs" not in tell(handler(quiet={"all"}), tmp_path / "no log", "finished")

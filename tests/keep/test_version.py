"""The commit that a record names is that of this code, or it says why there is none."""

import os
import subprocess

import pytest
from fedper.keep.version import version_of_code

AUTHOR = {
    f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, encoding="utf-8",
        env={**os.environ, **AUTHOR},
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "above/repository"
    for name in ("scripts/train.py", "config/quick.yaml", "results/cpu/report.pdf"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("as committed")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")
    return folder


def test_results_that_were_made_here_do_not_make_it_dirty_and_code_does(repository):
    head = git(repository, "rev-parse", "HEAD")
    (repository / "results/cpu/report.pdf").write_text("made again")
    (repository / "results/cpu/claims.md").write_text("new")
    assert version_of_code(repository)["commit"] == head
    (repository / "config/mine.yaml").write_text("new")
    git(repository, "config", "status.showUntrackedFiles", "no")
    assert version_of_code(repository)["commit"] == f"{head}-dirty"
    (repository / "config/mine.yaml").unlink()
    (repository / "scripts/train.py").write_text("changed")
    assert version_of_code(repository)["commit"] == f"{head}-dirty"


def test_the_date_is_the_commits(repository):
    assert version_of_code(repository)["date"] == git(repository, "log", "-1", "--format=%cI")


def test_another_repository_above_or_in_the_environment_is_none_of_ours(repository, monkeypatch):
    archive = repository / "unpacked"
    (archive / "scripts").mkdir(parents=True)
    unknown = "unknown: not a git repository of its own"
    assert version_of_code(archive)["commit"] == unknown
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(archive))
    assert version_of_code(archive)["commit"] == unknown


def test_where_git_refuses_or_is_not_there_it_is_said(repository, monkeypatch, tmp_path):
    (repository / ".git/HEAD").write_text("spoiled")
    assert version_of_code(repository)["commit"].startswith("unknown: fatal: ")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert version_of_code(repository)["commit"].startswith("unknown: git: ")


def test_ownership_that_git_doubts_is_said_in_its_words(repository):
    if os.geteuid():
        pytest.skip("only root can give a folder to another")
    for path in (repository, repository / ".git"):
        os.chown(path, 12345, 12345)
    assert "dubious ownership" in version_of_code(repository)["commit"]

"""The storages that docs/dvc.md names, on real servers: what becomes of a file spoiled there."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fsspec
import pytest
from dvc_world import adopt, call, must, must_agree

pytestmark = pytest.mark.slow


@dataclass
class Storage:
    """A storage that a test can look into, beside DVC.

    Attributes:
        url: what DVC is told.
        files: the file system that has it.
        folder: where it is there.
        options: what DVC is told besides, on this machine only.
    """

    url: str
    files: fsspec.AbstractFileSystem
    folder: str
    options: dict[str, object] = field(default_factory=dict)

    def use(self, repository: Path) -> None:
        """Make it the storage of a repository."""
        must(repository, "dvc", "remote", "modify", "local", "url", self.url)
        for name, value in self.options.items():
            must(repository, "dvc", "remote", "modify", "--local", "local", name, value)

    def path(self, md5: str) -> str:
        """Name the file of a content."""
        return f"{self.folder}/files/md5/{md5[:2]}/{md5[2:]}"

    def find(self, history: Path) -> tuple[str, str]:
        """Name a history there, and the list of all runs' files that names it."""
        for path in self.files.glob(f"{self.folder}/files/md5/*/*.dir"):
            for entry in json.loads(self.files.cat_file(path)):
                if history.match(entry["relpath"]):
                    return self.path(entry["md5"]), path
        raise AssertionError(f"{self.url} has no {history}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def serving(port: int, log: Path, *command: object) -> Iterator[None]:
    """Run a server while the block runs, from when it answers."""
    with log.open("w") as said, subprocess.Popen(
        [str(part) for part in command], stdout=said, stderr=said
    ) as process:  # fmt: skip
        try:
            for _ in range(300):
                assert process.poll() is None, log.read_text()
                with socket.socket() as one:
                    if one.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            else:
                raise AssertionError(log.read_text())
            yield
        finally:
            process.terminate()


@contextmanager
def shared_folder(folder: Path) -> Iterator[Storage]:
    """Offer a folder on a disk."""
    yield Storage(f"{folder}/shared", fsspec.filesystem("file"), f"{folder}/shared")


@contextmanager
def s3(folder: Path) -> Iterator[Storage]:
    """Serve S3's protocol."""
    for name in ("moto", "dvc_s3"):
        pytest.importorskip(name, reason="no S3; pip install -e '.[storages]'")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = ("-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", port)
    with serving(port, folder / "s3.log", sys.executable, *server):
        keys = {"key": "test", "secret": "test", "use_listings_cache": False}
        files = fsspec.filesystem("s3", endpoint_url=url, skip_instance_cache=True, **keys)
        files.mkdir("bucket")
        access = {"access_key_id": "test", "secret_access_key": "test", "endpointurl": url}
        yield Storage("s3://bucket/path", files, "bucket/path", access)


SSHD = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


@contextmanager
def ssh(folder: Path) -> Iterator[Storage]:
    """Serve a folder over ssh."""
    pytest.importorskip("dvc_ssh", reason="no ssh; pip install -e '.[storages]'")
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if sshd is None or os.geteuid() != 0:
        pytest.skip("no sshd, or not root, which it needs here; apt-get install openssh-server")
    for name in ("host", "user"):
        must(folder, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    port = free_port()
    (folder / "sshd_config").write_text(SSHD.format(port=port, folder=folder))
    Path("/run/sshd").mkdir(exist_ok=True)
    with serving(port, folder / "sshd.log", sshd, "-D", "-e", "-f", folder / "sshd_config"):
        access = {"user": "root", "port": port, "keyfile": folder / "user"}
        kept = f"{folder}/kept"
        yield Storage(f"ssh://127.0.0.1{kept}", fsspec.filesystem("file"), kept, access)


@pytest.fixture(params=[shared_folder, s3, ssh], ids=lambda serve: serve.__name__)
def storage(request, tmp_path) -> Iterator[Storage]:
    folder = tmp_path / "served"
    folder.mkdir()
    with request.param(folder) as storage:
        yield storage


def test_what_was_spoiled_in_a_storage_reaches_no_workspace_and_heals(storage, clone, tmp_path):
    storage.use(clone)
    must(clone, "git", "commit", "-qam", "another storage")
    must(clone, "dvc", "push")
    (history,) = clone.glob("results/mini/runs/*-kp2-seed0-*/history.csv")
    stored, listed = storage.find(history)
    right = storage.files.cat_file(stored)
    assert right == history.read_bytes()
    storage.files.pipe_file(stored, right[:-2] + bytes([right[-2] ^ 1]) + right[-1:])

    must(tmp_path, "git", "clone", "-q", clone, "fresh")
    fresh = tmp_path / "fresh"
    storage.use(fresh)
    done = call(fresh, "dvc", "pull")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not list(fresh.glob("results/mini/runs/*/history.csv"))

    # DVC takes what a list in the storage names as being there, so the list has to go too
    for path in (stored, listed):
        if storage.files.exists(path):
            storage.files.rm_file(path)
    must(fresh, "dvc", "repro")
    (made_again,) = fresh.glob("results/mini/runs/*-kp2-seed0-*/history.csv")
    assert made_again.read_bytes() == right
    must(fresh, "dvc", "push")
    must(fresh, "git", "commit", "-qam", "made again")

    must(tmp_path, "git", "clone", "-q", fresh, "another")
    another = tmp_path / "another"
    storage.use(another)
    must(another, "dvc", "pull")
    assert adopt(another).returncode == 0
    must_agree(another)

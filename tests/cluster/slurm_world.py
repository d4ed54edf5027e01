"""A SLURM of one node for tests, in namespaces of its own: it sees and touches nothing else.

Needs root, util-linux, and Debian's packages slurm-wlm and munge.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("unshare", "nsenter", "ip", "munged", "mungekey", "slurmctld", "slurmd", "sbatch")

NAMESPACES = ("--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc")
"""All processes in them end with the first one; no address or port is shared with the machine."""

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2,sched_min_interval=100000
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=20000 Gres=gpu:2 State=UNKNOWN
JobSubmitPlugins=lua
PartitionName=billed Nodes={host} State=UP
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE OverSubscribe=FORCE:4 State=UP
"""
CARDS = "Name=gpu File={folder}/card[0-1]\n"
"""Pretended, by two files; jobs get their numbers as CUDA_VISIBLE_DEVICES."""

RULE = """
function slurm_job_submit(job, partitions, user)
    if job.partition == "billed" and job.account == nil then
        slurm.log_user("name an account")
        return slurm.ERROR
    end
    return slurm.SUCCESS
end
function slurm_job_modify(job, record, partitions, user)
    return slurm.SUCCESS
end
return slurm.SUCCESS
"""
"""The partition "billed" wants an account, as many clusters do."""

START = """
set -e
mount --bind {folder}/etc /etc/slurm
ip link set lo up
ip address add 10.0.0.1/32 dev lo  # SLURM resolves no name where 127.0.0.1 is the only address
mungekey --create --keyfile={folder}/munge.key
munged --force --key-file={folder}/munge.key --socket={folder}/munge.socket \
    --pid-file={folder}/munged.pid --log-file={folder}/munged.log --seed-file={folder}/munge.seed
slurmctld
slurmd
echo ready
exec sleep infinity
"""


def why_not() -> str:
    """Say why no SLURM can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "starting a SLURM needs root"
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if missing:
        return f"no {', '.join(missing)}; apt-get install slurm-wlm munge"
    if not Path("/etc/slurm").is_dir():
        return "no /etc/slurm, over which the tests' configuration is laid"
    return ""


PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


PATIENCE_S = 300
"""For a command."""


@dataclass
class Slurm:
    """A SLURM that runs.

    Attributes:
        inside: id of a process in its namespaces.
    """

    inside: int

    def start(self, where: Path, *command: object) -> subprocess.Popen:
        """Start a command on its only node, as on a login node."""
        enter = ("nsenter", "--target", self.inside, "--mount", "--pid", "--net", f"--wd={where}")
        return subprocess.Popen(
            [*map(str, enter), "--", *map(str, command)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8",
        )  # fmt: skip

    def run(self, where: Path, *command: object) -> tuple[int, str]:
        """Run a command there; return its exit status and all that it prints."""
        process = self.start(where, *command)
        said, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, said

    def jobs(self, fields: str) -> list[list[str]]:
        """List the jobs that wait or run, each with what ``squeue`` says in some fields."""
        _, said = self.run(Path("/"), "squeue", "--noheader", "--array", f"--Format={fields}")
        return [line.split() for line in said.splitlines()]


@contextmanager
def running_slurm(folder: Path) -> Iterator[Slurm]:
    """Run a SLURM while the block runs."""
    for name in ("etc", "state", "spool"):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().split(".")[0]
    text = CONFIGURATION.format(host=host, folder=folder, cores=os.cpu_count())
    (folder / "etc/slurm.conf").write_text(text)
    (folder / "etc/gres.conf").write_text(CARDS.format(folder=folder))
    (folder / "etc/job_submit.lua").write_text(RULE)
    for number in range(2):
        (folder / f"card{number}").touch()
    start = START.format(folder=folder)
    with (folder / "start.log").open("w") as errors, subprocess.Popen(
        ["unshare", *NAMESPACES, "bash", "-c", start], stdout=subprocess.PIPE, stderr=errors,
        encoding="utf-8", env={**os.environ, "PATH": PATH},
    ) as process:  # fmt: skip
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError((folder / "start.log").read_text())
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            slurm = Slurm(int(children.read_text().split()[0]))
            for _ in range(100):
                if "idle" in slurm.run(Path("/"), "timeout", 2, "sinfo", "--noheader")[1]:
                    break
                time.sleep(0.1)
            else:
                raise RuntimeError(slurm.run(Path("/"), "sinfo")[1])
            yield slurm
        finally:
            process.kill()

# What a user of a SLURM cluster gets wrong first is one line, before anything is sent.

import shutil
import subprocess


def refused_by_slurm():
    """Say why SLURM would refuse a job that is planned; empty if it takes all, or is not used.

    One job of each kind is tried, with `sbatch --test-only`.
    """
    if workflow.executor_plugin.name != "slurm":
        return ""
    if shutil.which("sbatch") is None:
        return "no sbatch in PATH; --executor slurm works on a cluster's login node"
    kinds = {}
    for job in workflow.dag.needrun_jobs():
        if not job.is_local:
            options = {
                "partition": job.resources.get("slurm_partition"),
                "account": job.resources.get("slurm_account"),
                "gpus": job.resources.get("gpu") or None,
                "mem": f"{job.resources.mem_mb}M",
                "time": job.resources.runtime,
            }
            asked = [f"--{key}={value}" for key, value in options.items() if value]
            kinds.setdefault(tuple(asked), job.rule.name)
    for asked, rule in kinds.items():
        command = ["sbatch", "--test-only", *asked, "--wrap=true"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1]
            return (
                f"rule {rule} with {' '.join(asked)}: {reason}; see profiles/slurm/config.yaml, and "
                "compute.device where no GPU is wanted"
            )
    return ""


onstart:
    if reason := refused_by_slurm():
        sys.exit(f"error: {reason}")

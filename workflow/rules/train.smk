# One job a run. The run's name holds a fingerprint of all its settings.


rule train:
    input:
        script=SCRIPTS / "train.py",
        data=lambda w: ancient(prepared(RUNS[w.run].dataset, RUNS[w.run].seed)),
        about=lambda w: prepared(RUNS[w.run].dataset, RUNS[w.run].seed, "json"),
        partition=lambda w: partition_of(
            RUNS[w.run].dataset, RUNS[w.run].classes_per_client, RUNS[w.run].seed
        ),
    output:
        history=f"{RESULTS}/runs/{{run}}/history.csv",
        timing=f"{RESULTS}/runs/{{run}}/timing.csv",
        about=f"{RESULTS}/runs/{{run}}/run.json",
    log:
        f"{LOGS}/train/{{run}}.log",
    conda:
        ENVIRONMENT
    threads: config["compute"]["threads"]
    resources:
        gpu=int(USES_GPU),
        # here and not a parameter, because it changes no result: another number trains nothing
        concurrent_clients=config["compute"]["concurrent_clients"],
    params:
        settings=lambda w: RUNS[w.run].to_json(),
        device=config["compute"]["device"],
        # outside the outputs, which Snakemake removes when a job is interrupted
        checkpoints=lambda w: f"checkpoints/{config['scale']}/{w.run}",
        folder=lambda w, output: Path(output.history).parent,
        # a change in the code, though not in a comment, makes all runs stale
        code=CODE_SHA256,
    shell:
        "python {input.script} --run {params.settings:q} --data {input.data}"
        " --partition {input.partition} --device {params.device}"
        " --concurrent-clients {resources.concurrent_clients} --checkpoints {params.checkpoints}"
        " --out {params.folder} 2>&1 | tee {log}"

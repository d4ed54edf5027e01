# One job a run. The run's name holds a fingerprint of all its settings.


rule train:
    input:
        script=ancient(SCRIPTS / "train.py"),
        data=lambda w: ancient(file_of(PARTITION_OF[w.run].data)),
        about=lambda w: file_of(PARTITION_OF[w.run].data, "json"),
        partition=lambda w: partition_file(PARTITION_OF[w.run]),
    output:
        # what is finished stays until its successor is there
        history=update(f"{RESULTS}/runs/{{run}}/history.csv"),
        timing=update(f"{RESULTS}/runs/{{run}}/timing.csv"),
        about=update(f"{RESULTS}/runs/{{run}}/run.json"),
    log:
        f"{LOGS}/train/{{run}}.log",
    conda:
        ENVIRONMENT
    threads: config["compute"]["threads"]
    resources:
        gpu=lambda w: int(device_of_jobs() == "cuda"),
        # what a scheduler is asked for; a run that needs more time goes on from its checkpoint
        mem_mb=lambda w, attempt: min(attempt, 2) * demand_of_a_run().mem_mb,
        runtime=lambda w, attempt: min(attempt, 2) * demand_of_a_run().minutes,
        # here and not parameters, so that another device or limit trains nothing again; where a
        # run was computed stands in its run.json
        device=lambda w: device_of_jobs(),
        limits=lambda w: limits_of_a_run(),
    params:
        settings=lambda w: TRAINED[w.run].to_json(),
        # outside the outputs, which Snakemake removes when a job is interrupted
        checkpoints=lambda w: f"checkpoints/{config['scale']}/{w.run}",
        folder=lambda w, output: Path(output.history).parent,
        # a change in the code, though not in a comment, makes all runs stale
        code=lambda w: code_of_training(TRAINED[w.run]),
    shell:
        "python {input.script:q} --run {params.settings:q} --data {input.data}"
        " --partition {input.partition} --device {resources.device}"
        " {resources.limits} --checkpoints {params.checkpoints} --out {params.folder}"
        " > {log} 2>&1"

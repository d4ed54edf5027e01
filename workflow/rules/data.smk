# From servers or files at hand to prepared data sets, and to who holds which samples.


rule fetch:
    input:
        script=SCRIPTS / "fetch.py",
        code=lambda w: code_for(RECEIPT_OF[w.receipt], "fetch", "fetch.py"),
    output:
        f"{PREPARED}/{{receipt}}.source.json",
    log:
        f"{LOGS}/fetch/{{receipt}}.log",
    conda:
        ENVIRONMENT
    params:
        dataset=lambda w: RECEIPT_OF[w.receipt],
        sources=lambda w: json.dumps(
            config["datasets"][RECEIPT_OF[w.receipt]]["sources"]
        ),
        stand_in=lambda w: json.dumps(
            config["datasets"][RECEIPT_OF[w.receipt]]["stand_in"]
        ),
        raw=RAW,
        files_at_hand=lambda w: files_at_hand(RECEIPT_OF[w.receipt]),
    shell:
        "python {input.script} --dataset {params.dataset} --sources {params.sources:q}"
        " --stand-in {params.stand_in:q} --raw {params.raw} --out {output} 2>&1 | tee {log}"


rule prepare:
    input:
        script=SCRIPTS / "prepare_dataset.py",
        code=lambda w: code_for(
            PREPARED_OF[w.prepared][0], "data", "prepare_dataset.py"
        ),
        receipt=lambda w: receipt_of(PREPARED_OF[w.prepared][0]),
    output:
        data=f"{PREPARED}/{{prepared}}.safetensors",
        about=f"{PREPARED}/{{prepared}}.json",
        provenance=f"{PREPARED}/{{prepared}}.provenance.json",
        excluded=f"{PREPARED}/{{prepared}}.excluded.csv",
    log:
        f"{LOGS}/prepare/{{prepared}}.log",
    conda:
        ENVIRONMENT
    threads: 2
    params:
        settings=lambda w: json.dumps(data_settings(config, PREPARED_OF[w.prepared][0])),
        seed=lambda w: (
            ""
            if PREPARED_OF[w.prepared][1] is None
            else f"--seed {PREPARED_OF[w.prepared][1]}"
        ),
    shell:
        "python {input.script} --receipt {input.receipt} --settings {params.settings:q}"
        " {params.seed} --threads {threads} --out {output.data} --about {output.about}"
        " --provenance {output.provenance} --excluded {output.excluded} 2>&1 | tee {log}"


rule partition_by_class:
    input:
        script=SCRIPTS / "draw_partition.py",
        code=modules_of(SCRIPTS / "draw_partition.py"),
        data=lambda w: ancient(prepared(w.dataset, w.seed)),
        about=lambda w: prepared(w.dataset, w.seed, "json"),
    output:
        f"{RESULTS}/partitions/{{dataset}}-k{{k}}-seed{{seed}}.json",
    log:
        f"{LOGS}/partition/{{dataset}}-k{{k}}-seed{{seed}}.log",
    conda:
        ENVIRONMENT
    params:
        n_clients=lambda w: config["datasets"][w.dataset]["n_clients"],
        train=lambda w: config["datasets"][w.dataset]["partition"][
            "train_images_per_class"
        ],
        test=lambda w: config["datasets"][w.dataset]["partition"][
            "test_images_per_class"
        ],
    shell:
        "python {input.script} balanced --data {input.data} --n-clients {params.n_clients}"
        " --classes-per-client {wildcards.k} --train-images-per-class {params.train}"
        " --test-images-per-class {params.test} --seed {wildcards.seed}"
        " --out {output} 2>&1 | tee {log}"


rule partition_by_worker:
    input:
        script=SCRIPTS / "draw_partition.py",
        code=modules_of(SCRIPTS / "draw_partition.py"),
        data=lambda w: ancient(prepared(w.dataset, w.seed)),
        about=lambda w: prepared(w.dataset, w.seed, "json"),
    output:
        f"{RESULTS}/partitions/{{dataset}}-seed{{seed}}.json",
    log:
        f"{LOGS}/partition/{{dataset}}-seed{{seed}}.log",
    conda:
        ENVIRONMENT
    params:
        n_clients=lambda w: config["datasets"][w.dataset]["n_clients"],
    shell:
        "python {input.script} workers --data {input.data} --n-clients {params.n_clients}"
        " --seed {wildcards.seed} --out {output} 2>&1 | tee {log}"

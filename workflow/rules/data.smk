# From raw images to prepared data sets, and to who holds which samples.

DATASET_OF = {prepared_name(dataset): dataset for dataset in config["datasets"]}


rule prepare:
    input:
        script=SCRIPTS / "fetch.py",
        code=modules_of(SCRIPTS / "fetch.py"),
        raw=lambda w: raw_files(DATASET_OF[w.prepared]),
    output:
        data="data/prepared/{prepared}.safetensors",
        about="data/prepared/{prepared}.json",
    log:
        f"{LOGS}/prepare/{{prepared}}.log",
    conda:
        ENVIRONMENT
    params:
        folder=lambda w: config["datasets"][DATASET_OF[w.prepared]]["folder"],
        stand_in=lambda w: json.dumps(
            config["datasets"][DATASET_OF[w.prepared]]["stand_in"]
        ),
        n_classes=lambda w: config["datasets"][DATASET_OF[w.prepared]]["n_classes"],
    shell:
        "python {input.script} --folder {params.folder:q} --stand-in {params.stand_in:q}"
        " --n-classes {params.n_classes} --out {output.data} --about {output.about} 2>&1 | tee {log}"


rule partition:
    input:
        script=SCRIPTS / "partition.py",
        code=modules_of(SCRIPTS / "partition.py"),
        data=lambda w: ancient(prepared(w.dataset)),
        about=lambda w: prepared(w.dataset, "json"),
    output:
        f"{RESULTS}/partitions/{{dataset}}-k{{k}}-seed{{seed}}.json",
    log:
        f"{LOGS}/partition/{{dataset}}-k{{k}}-seed{{seed}}.log",
    conda:
        ENVIRONMENT
    params:
        n_clients=lambda w: config["datasets"][w.dataset]["n_clients"],
        train=lambda w: config["datasets"][w.dataset]["train_images_per_class"],
        test=lambda w: config["datasets"][w.dataset]["test_images_per_class"],
    shell:
        "python {input.script} --data {input.data} --n-clients {params.n_clients}"
        " --classes-per-client {wildcards.k} --train-images-per-class {params.train}"
        " --test-images-per-class {params.test} --seed {wildcards.seed}"
        " --out {output} 2>&1 | tee {log}"

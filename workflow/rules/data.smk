# From servers or files at hand to prepared data sets, and to who holds which samples.


rule fetch:
    input:
        script=ancient(SCRIPTS / "fetch.py"),
    output:
        f"{PREPARED}/{{receipt}}.source.json",
    log:
        f"{LOGS}/fetch/{{receipt}}.log",
    localrule: True  # a cluster's nodes often have no network
    conda:
        ENVIRONMENT
    params:
        code=lambda w: code_for(RECEIPT_OF[w.receipt].dataset, "fetch", "fetch.py"),
        dataset=lambda w: RECEIPT_OF[w.receipt].dataset,
        sources=lambda w: json.dumps(RECEIPT_OF[w.receipt].sources),
        stand_in=lambda w: json.dumps(RECEIPT_OF[w.receipt].settings["stand_in"]),
        raw=RAW,
        files_at_hand=lambda w: files_at_hand(RECEIPT_OF[w.receipt].dataset),
    shell:
        "python {input.script:q} --dataset {params.dataset} --sources {params.sources:q}"
        " --stand-in {params.stand_in:q} --raw {params.raw} --out {output} > {log} 2>&1"


rule prepare:
    input:
        script=ancient(SCRIPTS / "prepare_dataset.py"),
        receipt=lambda w: receipt_of(PREPARED_OF[w.prepared]),
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
        code=lambda w: code_for(
            PREPARED_OF[w.prepared].dataset, "data", "prepare_dataset.py"
        ),
        settings=lambda w: json.dumps(PREPARED_OF[w.prepared].settings),
        seed=lambda w: (
            ""
            if PREPARED_OF[w.prepared].seed is None
            else f"--seed {PREPARED_OF[w.prepared].seed}"
        ),
    shell:
        "python {input.script:q} --receipt {input.receipt} --settings {params.settings:q}"
        " {params.seed} --threads {threads} --out {output.data} --about {output.about}"
        " --provenance {output.provenance} --excluded {output.excluded} > {log} 2>&1"


rule partition:
    input:
        script=ancient(SCRIPTS / "partition_dataset.py"),
        data=lambda w: ancient(file_of(PARTITIONS[w.partition].data)),
        about=lambda w: file_of(PARTITIONS[w.partition].data, "json"),
    output:
        f"{RESULTS}/partitions/{{partition}}.json",
    log:
        f"{LOGS}/partition/{{partition}}.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "partition_dataset.py"),
        settings=lambda w: json.dumps(PARTITIONS[w.partition].samples),
        n_clients=lambda w: PARTITIONS[w.partition].n_clients,
        k=lambda w: (
            ""
            if PARTITIONS[w.partition].classes_per_client is None
            else f"--classes-per-client {PARTITIONS[w.partition].classes_per_client}"
        ),
        seed=lambda w: PARTITIONS[w.partition].seed,
    shell:
        "python {input.script:q} --data {input.data} --settings {params.settings:q}"
        " --n-clients {params.n_clients} {params.k} --seed {params.seed}"
        " --out {output} > {log} 2>&1"


rule figure_partition:
    input:
        script=ancient(SCRIPTS / "draw_partition_map.py"),
        data=lambda w: ancient(file_of(prepared(config, w.dataset, FIRST_SEED))),
        about=lambda w: file_of(prepared(config, w.dataset, FIRST_SEED), "json"),
        partitions=lambda w: map(partition_file, partitions_to_show(config, w.dataset)),
    output:
        pdf=f"{RESULTS}/figures/partition-{{dataset}}.pdf",
        png=report(
            f"{RESULTS}/figures/partition-{{dataset}}.png",
            caption="../report/partition.rst",
            category="Data",
            labels=lambda w: {"figure": f"Partition of {dataset_title(w.dataset)}"},
        ),
    log:
        f"{LOGS}/figure/partition-{{dataset}}.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "draw_partition_map.py"),
        note=lambda w: describe_partition(config, w.dataset),
        caption=lambda w: CAPTIONS[f"partition-{DATASETS[w.dataset].clients}"],
        stem=lambda w, output: Path(output.png).with_suffix(""),
    shell:
        "python {input.script:q} --data {input.data} --partitions {input.partitions}"
        " --note {params.note:q} --out {params.stem} > {log} 2>&1"

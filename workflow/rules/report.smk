# From runs to figures and tables.


rule figure:
    input:
        files_of_runs=lambda w: files_of(figure_runs(config, w.figure)),
        script=SCRIPTS / "figure.py",
        code=modules_of(SCRIPTS / "figure.py"),
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        csv=f"{RESULTS}/figures/{{figure}}.csv",
    log:
        f"{LOGS}/figure/{{figure}}.log",
    conda:
        ENVIRONMENT
    params:
        runs=lambda w: folders_of(figure_runs(config, w.figure)),
        note=lambda w: describe_figure(config, w.figure),
        stem=lambda w, output: Path(output.png).with_suffix(""),
    shell:
        "python {input.script} {wildcards.figure} --runs {params.runs} --note {params.note:q}"
        " --out {params.stem} 2>&1 | tee {log}"


rule figure_partition:
    input:
        script=SCRIPTS / "figure_partition.py",
        code=modules_of(SCRIPTS / "figure_partition.py"),
        data=lambda w: ancient(prepared(w.dataset, FIRST_SEED)),
        about=lambda w: prepared(w.dataset, FIRST_SEED, "json"),
        partitions=lambda w: partitions_of(w.dataset, FIRST_SEED),
    output:
        pdf=f"{RESULTS}/figures/partition-{{dataset}}.pdf",
        png=report(
            f"{RESULTS}/figures/partition-{{dataset}}.png",
            caption="../report/partition.rst",
            category="Data",
            labels={"figure": "partition of {dataset}"},
        ),
    log:
        f"{LOGS}/figure/partition-{{dataset}}.log",
    conda:
        ENVIRONMENT
    params:
        note=lambda w: f"{describe_data(config, w.dataset)}; seed {FIRST_SEED}",
        stem=lambda w, output: Path(output.png).with_suffix(""),
    shell:
        "python {input.script} --data {input.data} --partitions {input.partitions}"
        " --note {params.note:q} --out {params.stem} 2>&1 | tee {log}"


rule table:
    input:
        files_of_runs=files_of(RUNS.values()),
        script=SCRIPTS / "table.py",
        code=modules_of(SCRIPTS / "table.py"),
    output:
        csv=f"{RESULTS}/tables/table1.csv",
        md=report(
            f"{RESULTS}/tables/table1.md",
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "1"},
        ),
        tex=f"{RESULTS}/tables/table1.tex",
    log:
        f"{LOGS}/table/table1.log",
    conda:
        ENVIRONMENT
    params:
        runs=folders_of(RUNS.values()),
        note=describe_all(config),
        stem=lambda w, output: Path(output.csv).with_suffix(""),
    shell:
        "python {input.script} --runs {params.runs} --note {params.note:q}"
        " --out {params.stem} 2>&1 | tee {log}"


rule claims:
    input:
        files_of_runs=files_of(RUNS.values()),
        script=SCRIPTS / "claims.py",
        code=modules_of(SCRIPTS / "claims.py"),
    output:
        json=f"{RESULTS}/claims.json",
        md=report(
            f"{RESULTS}/claims.md",
            caption="../report/claims.rst",
            category="Claims",
        ),
    log:
        f"{LOGS}/claims.log",
    conda:
        ENVIRONMENT
    params:
        runs=folders_of(RUNS.values()),
        note=describe_all(config),
        stem=lambda w, output: Path(output.json).with_suffix(""),
    shell:
        "python {input.script} --runs {params.runs} --note {params.note:q}"
        " --out {params.stem} 2>&1 | tee {log}"

# From runs to figures, tables, verdicts and the numbers that the report's text names.


# Which runs a figure or table shows: more than a command line can hold.
rule asked:
    output:
        asked("{asked}"),
    log:
        f"{LOGS}/asked/{{asked}}.log",
    localrule: True
    params:
        runs=lambda w: runs_asked_for(w.asked),
    run:
        Path(output[0]).write_text(params.runs)


rule figure:
    input:
        files_of_runs=lambda w: files_of(figure_runs(config, w.figure)),
        asked=lambda w: asked(w.figure),
        script=ancient(SCRIPTS / "draw_figure.py"),
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels=lambda w: {"figure": f"Figure {FIGURE_OF[w.figure]['number']}"},
        ),
        csv=f"{RESULTS}/figures/{{figure}}.csv",
    log:
        f"{LOGS}/figure/{{figure}}.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "draw_figure.py"),
        draw=lambda w: FIGURE_OF[w.figure]["draw"],
        note=lambda w: describe_figure(config, w.figure),
        caption=lambda w: FIGURE_OF[w.figure]["caption"],
        stem=lambda w, output: Path(output.png).with_suffix(""),
    shell:
        "python {input.script:q} {params.draw} --runs {input.asked}"
        " --note {params.note:q} --out {params.stem} > {log} 2>&1"


rule figure_multiverse:
    input:
        files_of_runs=lambda w: files_of(runs_of_universes(), FILES_OF_A_RUN),
        script=ancient(SCRIPTS / "draw_multiverse.py"),
    output:
        pdf=f"{RESULTS}/figures/multiverse.pdf",
        png=report(
            f"{RESULTS}/figures/multiverse.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "Readings of the protocol"},
        ),
        csv=f"{RESULTS}/figures/multiverse.csv",
    log:
        f"{LOGS}/figure/multiverse.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "draw_multiverse.py"),
        config=json.dumps(config_of_multiverse()),
        runs=f"{RESULTS}/runs",
        note=lambda w: describe_multiverse(config, MULTIVERSE_OF),
        caption=CAPTIONS["multiverse"],
        stem=lambda w, output: Path(output.png).with_suffix(""),
    shell:
        "python {input.script:q} --config {params.config:q} --runs {params.runs}"
        " --note {params.note:q} --out {params.stem} > {log} 2>&1"


rule table:
    input:
        files_of_runs=lambda w: files_of(RUNS.values()),
        asked=asked("all"),
        known=PAPER / "results.yaml",
        script=ancient(SCRIPTS / "make_table.py"),
    output:
        csv=f"{RESULTS}/tables/table{{n}}.csv",
        md=f"{RESULTS}/tables/table{{n}}.md",
        html=report(
            f"{RESULTS}/tables/table{{n}}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "Table {n}"},
        ),
        tex=f"{RESULTS}/tables/table{{n}}.tex",
        json=f"{RESULTS}/tables/table{{n}}.json",
    log:
        f"{LOGS}/table/table{{n}}.log",
    wildcard_constraints:
        n="[12456]",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "make_table.py"),
        note=describe_all(config),
        caption=lambda w: CAPTIONS[f"table{w.n}"],
        stem=lambda w, output: Path(output.csv).with_suffix(""),
    shell:
        "python {input.script:q} {wildcards.n} --runs {input.asked}"
        " --note {params.note:q} --known {input.known:q} --out {params.stem} > {log} 2>&1"


rule table_of_settings:
    input:
        reference=PAPER / "settings.yaml",
        figures=PAPER / "figures.yaml",
        script=ancient(SCRIPTS / "make_settings_table.py"),
    output:
        csv=f"{RESULTS}/tables/table3.csv",
        md=f"{RESULTS}/tables/table3.md",
        html=report(
            f"{RESULTS}/tables/table3.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "Table 3"},
        ),
        tex=f"{RESULTS}/tables/table3.tex",
        json=f"{RESULTS}/tables/table3.json",
    log:
        f"{LOGS}/table/table3.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "make_settings_table.py"),
        config=json.dumps(config),
        note=describe_all(config),
        caption=CAPTIONS["table3"],
        stem=lambda w, output: Path(output.csv).with_suffix(""),
    shell:
        "python {input.script:q} --config {params.config:q} --reference {input.reference:q}"
        " --figures {input.figures:q} --note {params.note:q} --out {params.stem} > {log} 2>&1"


rule claims:
    input:
        files_of_runs=lambda w: files_of(RUNS.values()),
        asked=asked("all"),
        script=ancient(SCRIPTS / "judge_claims.py"),
    output:
        json=f"{RESULTS}/claims.json",
        md=f"{RESULTS}/claims.md",
        html=report(
            f"{RESULTS}/claims.html",
            caption="../report/table.rst",
            category="Claims",
            labels={"claims": "Verdicts"},
        ),
    log:
        f"{LOGS}/claims.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "judge_claims.py"),
        note=describe_all(config),
        caption=CAPTIONS["claims"],
        stem=lambda w, output: Path(output.json).with_suffix(""),
    shell:
        "python {input.script:q} --runs {input.asked}"
        " --note {params.note:q} --out {params.stem} > {log} 2>&1"


rule figure_verdicts:
    input:
        claims=f"{RESULTS}/claims.json",
        script=ancient(SCRIPTS / "draw_verdicts.py"),
    output:
        pdf=f"{RESULTS}/figures/verdicts.pdf",
        png=report(
            f"{RESULTS}/figures/verdicts.png",
            caption="../report/figure.rst",
            category="Claims",
            labels={"claims": "The effects behind the verdicts"},
        ),
        csv=f"{RESULTS}/figures/verdicts.csv",
    log:
        f"{LOGS}/figure/verdicts.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "draw_verdicts.py"),
        caption=CAPTIONS["verdicts"],
        stem=lambda w, output: Path(output.png).with_suffix(""),
    shell:
        "python {input.script:q} --claims {input.claims} --out {params.stem} > {log} 2>&1"


rule facts:
    input:
        files_of_runs=lambda w: files_of(RUNS.values(), FILES_OF_A_RUN),
        asked=asked("all"),
        script=ancient(SCRIPTS / "gather_facts.py"),
    output:
        facts=FACTS,
        metrics=METRICS,
    log:
        f"{LOGS}/facts.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "gather_facts.py"),
        note=describe_all(config),
        scale=config["scale"],
        stem=lambda w, output: Path(output.facts).with_suffix(""),
    shell:
        "python {input.script:q} --runs {input.asked}"
        " --note {params.note:q} --scale {params.scale} --out {params.stem} > {log} 2>&1"

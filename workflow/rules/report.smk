# The report as PDF, the page to explore, Snakemake's own report, and the replication record.


rule report_pdf:
    input:
        source=PAPER / "report.typ",
        layout=PAPER / "layout.typ",
        deviations=PAPER / "deviations.yaml",
        again=PAPER / "trained_again.csv",
        figures=PAPER / "figures.yaml",
        captions=PAPER / "captions.yaml",
        facts=FACTS,
        claims=f"{RESULTS}/claims.json",
        tables=expand(f"{RESULTS}/tables/table{{n}}.json", n=range(1, 7)),
        drawn=lambda w: figures_of_report(),
        script=ancient(SCRIPTS / "compile_report.py"),
    output:
        report(
            REPORT,
            caption="../report/pdf.rst",
            category="Report",
            labels={"report": "The report"},
        ),
    log:
        f"{LOGS}/report.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "compile_report.py"),
        results=lambda w, output: Path(output[0]).parent,
        config=json.dumps(config),
    shell:
        "python {input.script:q} --source {input.source:q} --config {params.config:q}"
        " --figures {input.figures:q} --captions {input.captions:q} --results {params.results}"
        " --out {output} > {log} 2>&1"


# Accuracy, verdicts and readings in a page that one can explore.
rule page:
    input:
        files_of_runs=lambda w: files_of(TRAINED.values(), FILES_OF_A_RUN),
        claims=f"{RESULTS}/claims.json",
        readings=expand(f"{RESULTS}/figures/{{figure}}.csv", figure=MULTIVERSE),
        parts=expand(SCRIPTS / "fedper/explore/page.{end}", end=["html", "css", "js"]),
        script=ancient(SCRIPTS / "make_page.py"),
    output:
        PAGE,
    log:
        f"{LOGS}/page.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "make_page.py"),
        config=json.dumps(config),
        runs=f"{RESULTS}/runs",
        readings=lambda w, input: [f"--readings {path}" for path in input.readings],
    shell:
        "python {input.script:q} --config {params.config:q} --runs {params.runs}"
        " --claims {input.claims} {params.readings} --out {output} > {log} 2>&1"


rule replication:
    input:
        files=[*FIGURES, *TABLES, *CLAIMS, FACTS],
        report=REPORT,
        script=ancient(SCRIPTS / "write_crate.py"),
    output:
        RECORD,
    log:
        f"{LOGS}/replication.log",
    conda:
        ENVIRONMENT
    params:
        code=digest_of(SCRIPTS / "write_crate.py"),
        results=lambda w, output: Path(output[0]).parent,
    shell:
        "python {input.script:q} --folder {params.results} --files {input.files} {input.report}"
        " --out {output} > {log} 2>&1"


# Snakemake's own report, made by a second Snakemake that reads what the first has done so far.
rule report_html:
    input:
        DOCUMENTS,
    output:
        update(HTML),  # the old page stays until the new one is whole
    log:
        f"{LOGS}/report_html.log",
    conda:
        ENVIRONMENT
    resources:
        # no parameter, so that the page is not made again because of how it was asked for
        redraw="--config redraw=yes" if REDRAW else "",
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        config=json.dumps(config),
        file=f"{config['scale']}.yaml",
        folder=f"{LOGS}/report-XXXXXX",  # of mktemp: in TMPDIR a blank may stand
        target="documents",
    shell:
        "folder=$(mktemp -d {params.folder}) && trap 'rm -r $folder' EXIT"
        " && printf %s {params.config:q} > $folder/{params.file}"
        " && snakemake --report $folder/report.html {resources.redraw} --nolock"
        " --snakefile {params.snakefile:q}"
        " --configfile $folder/{params.file} -- {params.target} > {log} 2>&1"
        " && mv $folder/report.html {output}"

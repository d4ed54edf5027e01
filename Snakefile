# Entry point, so that plain `snakemake` works from the top level. The workflow is in workflow/.
include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,

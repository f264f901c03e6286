# The file is no output: it is packed anew at every call, with what other targets have added.
rule archive:
    input:
        lambda wildcards: rules.all.input,
        code=code_of("archive_results"),
    log:
        "<logs>/archive.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        folders=[config["pathvars"][name] for name in ("paper", "logs", "benchmarks")],
        results=config["pathvars"]["results"],
    shell:
        "python -m workflow.scripts.archive_results --results {params.results:q} "
        "--further {params.folders:q} --output {params.results:q}.tar.gz 2> {log:q}"

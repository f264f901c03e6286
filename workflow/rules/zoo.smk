rule measure_zoo:
    input:
        code=code_of("measure_zoo"),
    output:
        "<results>/tables/zoo.csv",
    log:
        "<logs>/measure_zoo.log",
    benchmark:
        "<benchmarks>/measure_zoo.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    shell:
        "python -m workflow.scripts.measure_zoo --output {output:q} --threads {threads} 2> {log:q}"


rule document_zoo:
    input:
        table=rules.measure_zoo.output,
        code=code_of("document_zoo"),
    output:
        "<results>/tables/zoo.md",
    log:
        "<logs>/document_zoo.log",
    benchmark:
        "<benchmarks>/document_zoo.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.document_zoo --table {input.table:q} --output {output:q} "
        "2> {log:q}"


# The zoo depends on no setting, so that every config makes the same page.
rule publish_zoo:
    input:
        rules.document_zoo.output,
    output:
        "docs/zoo.md",
    log:
        "<logs>/publish_zoo.log",
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "cp {input:q} {output:q} 2> {log:q}"


rule zoo:
    input:
        rules.measure_zoo.output,
        rules.publish_zoo.output,
    localrule: True

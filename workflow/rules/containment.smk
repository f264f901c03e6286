rule measure_containment:
    input:
        codes=rules.encode.output,
        pairs=rules.choose_pairs.output,
        curves=curves_of,
        code=code_of("measure_containment"),
    output:
        "<results>/evidence/containment/{model}.csv",
    log:
        "<logs>/measure_containment/{model}.log",
    benchmark:
        "<benchmarks>/measure_containment/{model}.tsv"
    conda:
        ENVIRONMENT
    params:
        paths=compared_in,
        first=few_pairs,
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.measure_containment --name {wildcards.model} "
        "--codes {input.codes:q} --pairs {input.pairs:q} --paths {params.paths} "
        "--curves {input.curves:q} --first {params.first:q} --seed {params.seed} --output {output:q} 2> {log:q}"

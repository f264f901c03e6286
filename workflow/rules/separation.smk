rule measure_separation:
    input:
        model=rules.train_vae.output.model,
        pairs=rules.choose_pairs.output,
        curves=lambda wildcards: expand(
            rules.gather_geodesics.output.curves,
            model=wildcards.model,
            geometry=list(PARTS["separation"].compares),
        ),
        code=code_of("measure_separation"),
    output:
        "<results>/evidence/separation/{model}.csv",
    log:
        "<logs>/measure_separation/{model}.log",
    benchmark:
        "<benchmarks>/measure_separation/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
    params:
        first=lambda wildcards: first_pairs(wildcards, *PARTS["separation"].compares),
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_separation --name {wildcards.model} "
        "--model {input.model:q} --pairs {input.pairs:q} {params.first} "
        "--wasserstein1 {input.curves[0]:q} --fisher-rao {input.curves[1]:q} "
        "--output {output:q} --threads {threads} --device {params.device:q} 2> {log:q}"

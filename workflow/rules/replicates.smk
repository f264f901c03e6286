REPLICAS = [
    f"{name}-seed{number + 1}"
    for name in REPLICATED["architectures"]
    for number in range(REPLICATED["seeds"])
]


rule compare_replicates:
    input:
        containment=expand(rules.measure_containment.output, model=REPLICAS),
        plausibility=expand(rules.judge_paths.output, model=REPLICAS),
        evaluations=expand(rules.evaluate_vae.output, model=REPLICAS),
        code=code_of("compare_replicates"),
    output:
        table="<results>/evidence/replicates.csv",
        summary=summary("replicates"),
    log:
        "<logs>/compare_replicates.log",
    benchmark:
        "<benchmarks>/compare_replicates.tsv"
    conda:
        ENVIRONMENT
    params:
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.compare_replicates --containment {input.containment:q} "
        "--plausibility {input.plausibility:q} --evaluations {input.evaluations:q} "
        "--seed {params.seed} --output {output.table:q} --summary {output.summary:q} 2> {log:q}"

STABLE = {
    SURFACE: config["evidence"]["stability"]["seeds"]["digit"],
    **({"all": config["evidence"]["stability"]["seeds"]["all"]} if config["all_digits"] else {}),
}
RETRAINED = [
    (model, model if seed == 0 else f"{model}-seed{seed}")
    for model, seeds in STABLE.items()
    for seed in range(seeds)
]


rule choose_stability_pairs:
    input:
        subset="<results>/data/{model}.safetensors",
        code=code_of("choose_stability_pairs"),
    output:
        "<results>/evidence/stability/{model}/pairs.csv",
    log:
        "<logs>/choose_stability_pairs/{model}.log",
    benchmark:
        "<benchmarks>/choose_stability_pairs/{model}.tsv"
    conda:
        ENVIRONMENT
    params:
        pairs=config["evidence"]["stability"]["pairs"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.choose_stability_pairs --subset {input.subset:q} "
        "--pairs {params.pairs} --seed {params.seed} --output {output:q} 2> {log:q}"


rule measure_distances:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        pairs=lambda wildcards: expand(
            rules.choose_stability_pairs.output, model=wildcards.model.split("-")[0]
        ),
        code=code_of("measure_distances"),
    output:
        "<results>/evidence/stability/{model}/distances.csv",
    log:
        "<logs>/measure_distances/{model}.log",
    benchmark:
        "<benchmarks>/measure_distances/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        geometries=list(PARTS["stability"].solves),
        settings=json.dumps(SOLVER_SETTINGS),
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_distances --model {input.model:q} "
        "--codes {input.codes:q} --pairs {input.pairs:q} --geometries {params.geometries} "
        "--settings {params.settings:q} --output {output:q} --threads {threads} "
        "--device {params.device:q} 2> {log:q}"


rule measure_stability:
    input:
        tables=expand(rules.measure_distances.output, model=[trained for _, trained in RETRAINED]),
        code=code_of("measure_stability"),
    output:
        table="<results>/evidence/stability.csv",
        levels="<results>/evidence/stability/levels.csv",
        summary=summary("stability"),
    log:
        "<logs>/measure_stability.log",
    benchmark:
        "<benchmarks>/measure_stability.tsv"
    conda:
        ENVIRONMENT
    params:
        models=[model for model, _ in RETRAINED],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.measure_stability --models {params.models} "
        "--tables {input.tables:q} --seed {params.seed} --output {output.table:q} "
        "--levels {output.levels:q} --summary {output.summary:q} 2> {log:q}"

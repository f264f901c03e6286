STABILITY = config["evidence"]["stability"]
# A plane as it stands and again, and the replicates that differ from the main model in nothing but
# the length of their training.
STABLE = {
    SURFACE: [SURFACE, *(f"{SURFACE}-seed{n}" for n in range(1, STABILITY["seeds"]["digit"]))],
    PLAIN: [f"{PLAIN}-seed{n + 1}" for n in range(STABILITY["seeds"]["all"])],
}
if not config["all_digits"]:
    del STABLE[PLAIN]
RETRAINED = [(model, trained) for model, names in STABLE.items() for trained in names]


rule choose_stability_pairs:
    input:
        subset=subset_of,
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
        pairs=STABILITY["pairs"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.choose_stability_pairs --subset {input.subset:q} "
        "--pairs {params.pairs} --seed {params.seed} --output {output:q} 2> {log:q}"


rule measure_distances:
    input:
        subset=subset_of,
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        pairs=lambda wildcards: expand(
            rules.choose_stability_pairs.output, model=base_of(wildcards)
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
        "python -m workflow.scripts.measure_distances --subset {input.subset:q} "
        "--model {input.model:q} --codes {input.codes:q} --pairs {input.pairs:q} --geometries {params.geometries} "
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
    shell:
        "python -m workflow.scripts.measure_stability --models {params.models} "
        "--tables {input.tables:q} --output {output.table:q} "
        "--levels {output.levels:q} --summary {output.summary:q} 2> {log:q}"

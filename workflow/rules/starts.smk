STARTED = [SURFACE] + ["all"] * config["all_digits"]


rule compare_starts:
    input:
        models=expand(rules.train_vae.output.model, model=STARTED),
        codes=expand(rules.encode.output, model=STARTED),
        pairs=expand(rules.choose_pairs.output, model=STARTED),
        code=code_of("compare_starts"),
    output:
        summary("starts"),
    log:
        "<logs>/compare_starts.log",
    benchmark:
        "<benchmarks>/compare_starts.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=GPU,
    params:
        names=STARTED,
        number=config["evidence"]["starts"]["pairs"],
        codes=config["evidence"]["starts"]["codes"],
        restarts=config["evidence"]["starts"]["restarts"],
        settings=json.dumps(SOLVER_SETTINGS | config["evidence"]["starts"]["solver"]),
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.compare_starts --names {params.names} "
        "--models {input.models:q} --codes {input.codes:q} --pairs {input.pairs:q} "
        "--count {params.number} --graph-codes {params.codes} "
        "--restarts {params.restarts} --settings {params.settings:q} "
        "--seed {params.seed} --output {output:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"

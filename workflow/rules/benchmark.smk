rule benchmark_wasserstein1:
    input:
        code=code_of("benchmark_wasserstein1"),
    output:
        "<results>/benchmark/wasserstein1.csv",
    log:
        "<logs>/benchmark_wasserstein1.log",
    benchmark:
        "<benchmarks>/benchmark_wasserstein1.tsv"
    conda:
        ENVIRONMENT
    # All cores are taken, so that nothing runs beside a benchmark; it uses one.
    threads: workflow.cores
    params:
        pairs=config["benchmark"]["pixel_pairs"],
        components=config["benchmark"]["components"],
        repetitions=config["benchmark"]["repetitions"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.benchmark_wasserstein1 --pairs {params.pairs} "
        "--components {params.components} --repetitions {params.repetitions} "
        "--seed {params.seed} --output {output:q} --threads 1 "
        "--device {params.device:q} 2> {log:q}"


rule benchmark_solvers:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        pairs=rules.choose_pairs.output,
        code=code_of("benchmark_solvers"),
    output:
        "<results>/benchmark/solvers/{model}.csv",
    log:
        "<logs>/benchmark_solvers/{model}.log",
    benchmark:
        "<benchmarks>/benchmark_solvers/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: workflow.cores
    params:
        geodesics=config["benchmark"]["geodesics"],
        published=config["benchmark"]["published_geodesics"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.benchmark_solvers --name {wildcards.model} "
        "--model {input.model:q} --codes {input.codes:q} --pairs {input.pairs:q} "
        "--count {params.geodesics} --count-published {params.published} --output {output:q} "
        "--threads 1 --device {params.device:q} 2> {log:q}"

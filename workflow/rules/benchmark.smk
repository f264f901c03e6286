# One latent plane, and the latent space of all digits.
BENCHMARKED = DIGIT_MODELS[:1] + ["all"] * config["all_digits"]


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
    # All cores are taken, so that nothing runs beside a benchmark; it uses one, or two.
    threads: lambda wildcards: workflow.cores
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
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
    threads: lambda wildcards: workflow.cores
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=GPU,
    params:
        rounds=config["benchmark"]["rounds"],
        geodesics=lambda wildcards: config["benchmark"]["geodesics"][kind_of(wildcards)],
        published=config["benchmark"]["published_geodesics"],
        restarts=config["benchmark"]["restarts"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.benchmark_solvers --name {wildcards.model} "
        "--model {input.model:q} --codes {input.codes:q} --pairs {input.pairs:q} "
        "--rounds {params.rounds} --count {params.geodesics} "
        "--count-published {params.published} --restarts {params.restarts} "
        "--output {output:q} --threads 1 --device {params.device:q} 2> {log:q}"


rule benchmark_scaling:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        pairs=rules.choose_pairs.output,
        code=code_of("benchmark_scaling"),
    output:
        "<results>/benchmark/scaling/{model}.csv",
    log:
        "<logs>/benchmark_scaling/{model}.log",
    benchmark:
        "<benchmarks>/benchmark_scaling/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: workflow.cores
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=GPU,
    params:
        batches=lambda wildcards: config["benchmark"]["batches"][kind_of(wildcards)],
        rounds=config["benchmark"]["rounds"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.benchmark_scaling --name {wildcards.model} "
        "--model {input.model:q} --codes {input.codes:q} --pairs {input.pairs:q} "
        "--batches {params.batches} --rounds {params.rounds} --output {output:q} "
        "--threads 1 --more-threads 2 --device {params.device:q} 2> {log:q}"


rule benchmark_geometries:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        uncertainty=rules.fit_uncertainty.output,
        pairs=rules.choose_pairs.output,
        code=code_of("benchmark_geometries"),
    output:
        "<results>/benchmark/geometries/{model}.csv",
    log:
        "<logs>/benchmark_geometries/{model}.log",
    benchmark:
        "<benchmarks>/benchmark_geometries/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: workflow.cores
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        # Cost hardly depends on it, and choosing one for all digits would cost more than all this.
        strength=config["evidence"]["strength"]["planes"],
        rounds=min(2, config["benchmark"]["rounds"]),
        geodesics=config["benchmark"]["weighted_geodesics"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.benchmark_geometries --name {wildcards.model} "
        "--model {input.model:q} --codes {input.codes:q} --uncertainty {input.uncertainty:q} "
        "--strength {params.strength} --pairs {input.pairs:q} --count {params.geodesics} "
        "--rounds {params.rounds} --output {output:q} --threads 1 "
        "--device {params.device:q} 2> {log:q}"


rule benchmark_decoders:
    input:
        code=code_of("benchmark_decoders"),
    output:
        "<results>/benchmark/decoders.csv",
    log:
        "<logs>/benchmark_decoders.log",
    benchmark:
        "<benchmarks>/benchmark_decoders.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: workflow.cores
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        latent_dims=config["benchmark"]["decoders"]["latent_dims"],
        sides=config["benchmark"]["decoders"]["sides"],
        pairs=config["benchmark"]["decoders"]["pairs"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.benchmark_decoders --latent-dims {params.latent_dims} "
        "--sides {params.sides} --pairs {params.pairs} --seed {params.seed} "
        "--output {output:q} --threads 1 --device {params.device:q} 2> {log:q}"

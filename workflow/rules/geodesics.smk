rule choose_pairs:
    input:
        codes=rules.encode.output,
        code=code_of("choose_pairs"),
    output:
        "<results>/geodesics/{model}/pairs.csv",
    log:
        "<logs>/choose_pairs/{model}.log",
    benchmark:
        "<benchmarks>/choose_pairs/{model}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    params:
        split="test",
        random=lambda wildcards: pairs_of(wildcards)["random"],
        far=lambda wildcards: pairs_of(wildcards)["far"],
        seed=seed_of_pairs,
    shell:
        "python -m workflow.scripts.choose_pairs --codes {input.codes:q} --split {params.split} "
        "--random {params.random} --far {params.far} --seed {params.seed} "
        "--output {output:q} 2> {log:q}"


# Those with which the strength of a weight is chosen.
use rule choose_pairs as choose_validation_pairs with:
    output:
        "<results>/geodesics/{model}/validation_pairs.csv",
    log:
        "<logs>/choose_validation_pairs/{model}.log",
    benchmark:
        "<benchmarks>/choose_validation_pairs/{model}.tsv"
    priority: 0
    params:
        split="validation",
        random=config["evidence"]["strength"]["pairs"]["random"],
        far=config["evidence"]["strength"]["pairs"]["far"],
        seed=config["seed"],


rule solve_geodesics:
    input:
        unpack(files_of_geometry),
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        pairs=rules.choose_pairs.output,
        code=code_of("solve_geodesics"),
    output:
        table="<results>/geodesics/{model}/{geometry}/chunks/{scatteritem}.csv",
        curves="<results>/geodesics/{model}/{geometry}/chunks/{scatteritem}.safetensors",
    log:
        "<logs>/solve_geodesics/{model}/{geometry}/{scatteritem}.log",
    benchmark:
        "<benchmarks>/solve_geodesics/{model}/{geometry}/{scatteritem}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        options=options_of_geometry,
        first=lambda wildcards: first_pairs(wildcards, wildcards.geometry),
        settings=settings_of_geometry,
        device=config["device"],
    shell:
        "python -m workflow.scripts.solve_geodesics --geometry {wildcards.geometry} "
        "{params.options:q} --model {input.model:q} --codes {input.codes:q} "
        "--pairs {input.pairs:q} {params.first} --chunk {wildcards.scatteritem} "
        "--settings {params.settings:q} --table {output.table:q} --curves {output.curves:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"


rule gather_geodesics:
    input:
        tables=gather.chunk("<results>/geodesics/{{model}}/{{geometry}}/chunks/{scatteritem}.csv"),
        curves=gather.chunk(
            "<results>/geodesics/{{model}}/{{geometry}}/chunks/{scatteritem}.safetensors"
        ),
        code=code_of("gather_geodesics"),
    output:
        tables=[
            "<results>/geodesics/{model}/{geometry}/geodesics.csv",
            "<results>/geodesics/{model}/{geometry}/geodesics.parquet",
        ],
        curves="<results>/geodesics/{model}/{geometry}/curves.safetensors",
    log:
        "<logs>/gather_geodesics/{model}/{geometry}.log",
    benchmark:
        "<benchmarks>/gather_geodesics/{model}/{geometry}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.gather_geodesics --tables {input.tables:q} "
        "--curves {input.curves:q} --output-tables {output.tables:q} "
        "--output-curves {output.curves:q} 2> {log:q}"


# The paper's geodesics, of which the figures are made.
W1_TABLE = "<results>/geodesics/{model}/wasserstein1/geodesics.csv"
W1_CURVES = "<results>/geodesics/{model}/wasserstein1/curves.safetensors"


rule decode_paths:
    input:
        subset=rules.subset.output,
        model=rules.train_vae.output.model,
        table=W1_TABLE,
        curves=W1_CURVES,
        further=[],
        code=code_of("decode_paths"),
    output:
        "<results>/paths/{model}.safetensors",
    log:
        "<logs>/decode_paths/{model}.log",
    benchmark:
        "<benchmarks>/decode_paths/{model}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
    params:
        pairs=config["figures"]["pairs"],
        images=config["figures"]["images"],
        further=[],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.decode_paths --subset {input.subset:q} "
        "--model {input.model:q} --geodesics {input.table:q} --curves {input.curves:q} "
        "--further {params.further} --further-curves {input.further:q} "
        "--pairs {params.pairs} --images {params.images} --seed {params.seed} "
        "--output {output:q} --threads {threads} --device {params.device:q} 2> {log:q}"


# The same pairs, with further geometries beside ours.
use rule decode_paths as decode_extended_paths with:
    input:
        subset=rules.subset.output,
        model=rules.train_vae.output.model,
        table=W1_TABLE,
        curves=W1_CURVES,
        further=lambda wildcards: expand(
            rules.gather_geodesics.output.curves,
            model=wildcards.model,
            geometry=config["figures"]["extended"],
        ),
        code=code_of("decode_paths"),
    output:
        "<results>/paths/{model}-extended.safetensors",
    log:
        "<logs>/decode_extended_paths/{model}.log",
    benchmark:
        "<benchmarks>/decode_extended_paths/{model}.tsv"
    priority: 0
    params:
        pairs=config["figures"]["pairs"],
        images=config["figures"]["images"],
        further=config["figures"]["extended"],
        seed=config["seed"],
        device=config["device"],


rule tabulate:
    input:
        evaluations=expand(rules.evaluate_vae.output, model=MODELS),
        geodesics=expand(W1_TABLE, model=MODELS),
        code=code_of("tabulate"),
    output:
        models=report(
            "<results>/tables/models.csv",
            caption="../report/models.rst",
            category="Tables",
            labels={"table": "models"},
        ),
        geodesics=report(
            "<results>/tables/geodesics.csv",
            caption="../report/geodesics.rst",
            category="Tables",
            labels={"table": "geodesics"},
        ),
    log:
        "<logs>/tabulate.log",
    benchmark:
        "<benchmarks>/tabulate.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        names=MODELS,
    shell:
        "python -m workflow.scripts.tabulate --names {params.names} "
        "--evaluations {input.evaluations:q} --geodesics {input.geodesics:q} "
        "--output-models {output.models:q} --output-geodesics {output.geodesics:q} 2> {log:q}"

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
    conda:
        ENVIRONMENT
    params:
        random=lambda wildcards: config["geodesics"]["pairs"][kind_of(wildcards)]["random"],
        far=lambda wildcards: config["geodesics"]["pairs"][kind_of(wildcards)]["far"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.choose_pairs --codes {input.codes:q} "
        "--random {params.random} --far {params.far} --seed {params.seed} "
        "--output {output:q} 2> {log:q}"


rule solve_geodesics:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        pairs=rules.choose_pairs.output,
        code=code_of("solve_geodesics"),
    output:
        table="<results>/geodesics/{model}/chunks/{scatteritem}.csv",
        curves="<results>/geodesics/{model}/chunks/{scatteritem}.safetensors",
    log:
        "<logs>/solve_geodesics/{model}/{scatteritem}.log",
    benchmark:
        "<benchmarks>/solve_geodesics/{model}/{scatteritem}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        settings=json.dumps(
            {
                key: config["geodesics"][key]
                for key in ("solver", "controls", "points", "max_iterations", "tolerance")
            }
        ),
        device=config["device"],
    shell:
        "python -m workflow.scripts.solve_geodesics --model {input.model:q} "
        "--codes {input.codes:q} --pairs {input.pairs:q} --chunk {wildcards.scatteritem} "
        "--settings {params.settings:q} --table {output.table:q} --curves {output.curves:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"


rule gather_geodesics:
    input:
        tables=gather.chunk("<results>/geodesics/{{model}}/chunks/{scatteritem}.csv"),
        curves=gather.chunk("<results>/geodesics/{{model}}/chunks/{scatteritem}.safetensors"),
        code=code_of("gather_geodesics"),
    output:
        tables=[
            "<results>/geodesics/{model}/geodesics.csv",
            "<results>/geodesics/{model}/geodesics.parquet",
        ],
        curves="<results>/geodesics/{model}/curves.safetensors",
    log:
        "<logs>/gather_geodesics/{model}.log",
    benchmark:
        "<benchmarks>/gather_geodesics/{model}.tsv"
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.gather_geodesics --tables {input.tables:q} "
        "--curves {input.curves:q} --output-tables {output.tables:q} "
        "--output-curves {output.curves:q} 2> {log:q}"


rule measure_field:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        table=rules.gather_geodesics.output.tables[0],
        curves=rules.gather_geodesics.output.curves,
        code=code_of("measure_field"),
    output:
        "<results>/models/{model}/field.safetensors",
    log:
        "<logs>/measure_field/{model}.log",
    benchmark:
        "<benchmarks>/measure_field/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    params:
        size=config["figures"]["field_size"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_field --model {input.model:q} "
        "--codes {input.codes:q} --geodesics {input.table:q} --curves {input.curves:q} "
        "--size {params.size} --seed {params.seed} --output {output:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"


rule decode_paths:
    input:
        subset=rules.subset.output,
        model=rules.train_vae.output.model,
        table=rules.gather_geodesics.output.tables[0],
        curves=rules.gather_geodesics.output.curves,
        code=code_of("decode_paths"),
    output:
        "<results>/paths/{model}.safetensors",
    log:
        "<logs>/decode_paths/{model}.log",
    benchmark:
        "<benchmarks>/decode_paths/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    params:
        pairs=config["figures"]["pairs"],
        images=config["figures"]["images"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.decode_paths --subset {input.subset:q} "
        "--model {input.model:q} --geodesics {input.table:q} --curves {input.curves:q} "
        "--pairs {params.pairs} --images {params.images} --seed {params.seed} "
        "--output {output:q} --threads {threads} --device {params.device:q} 2> {log:q}"


rule tabulate:
    input:
        evaluations=expand(rules.evaluate_vae.output, model=MODELS),
        geodesics=expand(rules.gather_geodesics.output.tables[0], model=MODELS),
        code=code_of("tabulate"),
    output:
        models=report(
            "<results>/tables/models.csv", caption="../report/models.rst", category="Tables"
        ),
        geodesics=report(
            "<results>/tables/geodesics.csv",
            caption="../report/geodesics.rst",
            category="Tables",
        ),
    log:
        "<logs>/tabulate.log",
    benchmark:
        "<benchmarks>/tabulate.tsv"
    conda:
        ENVIRONMENT
    params:
        names=MODELS,
    shell:
        "python -m workflow.scripts.tabulate --names {params.names} "
        "--evaluations {input.evaluations:q} --geodesics {input.geodesics:q} "
        "--output-models {output.models:q} --output-geodesics {output.geodesics:q} 2> {log:q}"

rule measure_field:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        table=W1_TABLE,
        curves=W1_CURVES,
        code=code_of("measure_field"),
    output:
        "<results>/models/{model}/field.safetensors",
    log:
        "<logs>/measure_field/{model}.log",
    benchmark:
        "<benchmarks>/measure_field/{model}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
    params:
        size=config["figures"]["field_size"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_field --model {input.model:q} "
        "--codes {input.codes:q} --geodesics {input.table:q} --curves {input.curves:q} "
        "--size {params.size} --seed {params.seed} --output {output:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"


rule measure_indicatrices:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        code=code_of("measure_indicatrices"),
    output:
        "<results>/models/{model}/indicatrices.safetensors",
    log:
        "<logs>/measure_indicatrices/{model}.log",
    benchmark:
        "<benchmarks>/measure_indicatrices/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
    params:
        size=config["figures"]["indicatrices"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_indicatrices --model {input.model:q} "
        "--codes {input.codes:q} --size {params.size} --output {output:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"

rule train_vae:
    input:
        subset=subset_of,
        code=code_of("train_vae"),
    output:
        model="<results>/models/{model}/vae.safetensors",
        history="<results>/models/{model}/history.csv",
    log:
        "<logs>/train_vae/{model}.log",
    benchmark:
        "<benchmarks>/train_vae/{model}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        architecture=architecture_of,
        schedule=schedule_of,
        free_bits=free_bits_of,
        seed=seed_of,
        device=config["device"],
    shell:
        "python -m workflow.scripts.train_vae --subset {input.subset:q} "
        "--architecture {params.architecture:q} --schedule {params.schedule:q} "
        "--free-bits {params.free_bits} --seed {params.seed} --model {output.model:q} "
        "--history {output.history:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"


rule encode:
    input:
        subset=subset_of,
        model=rules.train_vae.output.model,
        code=code_of("encode"),
    output:
        "<results>/models/{model}/codes.safetensors",
    log:
        "<logs>/encode/{model}.log",
    benchmark:
        "<benchmarks>/encode/{model}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
    params:
        device=config["device"],
    shell:
        "python -m workflow.scripts.encode --subset {input.subset:q} --model {input.model:q} "
        "--output {output:q} --threads {threads} --device {params.device:q} 2> {log:q}"


rule evaluate_vae:
    input:
        subset=subset_of,
        model=rules.train_vae.output.model,
        history=rules.train_vae.output.history,
        codes=rules.encode.output,
        code=code_of("evaluate_vae"),
    output:
        "<results>/models/{model}/evaluation.csv",
    log:
        "<logs>/evaluate_vae/{model}.log",
    benchmark:
        "<benchmarks>/evaluate_vae/{model}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
    params:
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.evaluate_vae --name {wildcards.model} "
        "--subset {input.subset:q} --model {input.model:q} --codes {input.codes:q} "
        "--history {input.history:q} --seed {params.seed} --output {output:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"

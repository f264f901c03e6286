rule transform_subset:
    input:
        subset="<results>/data/all.safetensors",
        code=code_of("transform_subset"),
    output:
        "<results>/data/{sequence}.safetensors",
    log:
        "<logs>/transform_subset/{sequence}.log",
    benchmark:
        "<benchmarks>/transform_subset/{sequence}.tsv"
    conda:
        ENVIRONMENT
    params:
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.transform_subset --subset {input.subset:q} "
        "--sequence {wildcards.sequence} --seed {params.seed} --output {output:q} 2> {log:q}"


use rule train_vae as train_sequence with:
    input:
        subset=rules.transform_subset.output,
        code=code_of("train_vae"),
    output:
        model="<results>/models/{sequence}/vae.safetensors",
        history="<results>/models/{sequence}/history.csv",
    log:
        "<logs>/train_sequence/{sequence}.log",
    benchmark:
        "<benchmarks>/train_sequence/{sequence}.tsv"
    priority: 0
    params:
        architecture=json.dumps(config["evidence"]["sequences"]["architecture"]),
        schedule=json.dumps(config["evidence"]["sequences"]["schedule"]),
        free_bits=0,
        seed=config["seed"],
        device=config["device"],


rule measure_sequences:
    input:
        subset="<results>/data/all.safetensors",
        model=rules.train_sequence.output.model,
        code=code_of("measure_sequences"),
    output:
        table="<results>/evidence/sequences/{sequence}.csv",
        strips="<results>/evidence/sequences/{sequence}.safetensors",
    log:
        "<logs>/measure_sequences/{sequence}.log",
    benchmark:
        "<benchmarks>/measure_sequences/{sequence}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=GPU,
    params:
        images=config["evidence"]["sequences"]["images"],
        geometries=config["evidence"]["sequences"]["geometries"],
        settings=json.dumps(SOLVER_SETTINGS),
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_sequences --sequence {wildcards.sequence} "
        "--subset {input.subset:q} --model {input.model:q} --images {params.images} "
        "--geometries {params.geometries} --settings {params.settings:q} --seed {params.seed} "
        "--output {output.table:q} --strips {output.strips:q} --threads {threads} "
        "--device {params.device:q} 2> {log:q}"

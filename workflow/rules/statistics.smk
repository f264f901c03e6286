rule measure_statistics:
    input:
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        code=code_of("measure_statistics"),
    output:
        table="<results>/evidence/statistics/{model}.csv",
        strips="<results>/evidence/statistics/{model}.safetensors",
    log:
        "<logs>/measure_statistics/{model}.log",
    benchmark:
        "<benchmarks>/measure_statistics/{model}.tsv"
    wildcard_constraints:
        model=r"digit\d+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        digit=lambda wildcards: wildcards.model.removeprefix("digit"),
        points=config["evidence"]["statistics"]["points"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_statistics --digit {params.digit} "
        "--model {input.model:q} --codes {input.codes:q} --points {params.points} "
        "--seed {params.seed} --output {output.table:q} --strips {output.strips:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"


rule measure_clusters:
    input:
        model="<results>/models/all/vae.safetensors",
        codes="<results>/models/all/codes.safetensors",
        code=code_of("measure_clusters"),
    output:
        "<results>/evidence/statistics/all.csv",
    log:
        "<logs>/measure_clusters.log",
    benchmark:
        "<benchmarks>/measure_clusters.tsv"
    priority: 1
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=GPU,
    params:
        points=config["evidence"]["statistics"]["clusters"]["points"],
        clusters=config["evidence"]["statistics"]["clusters"]["clusters"],
        rounds=config["evidence"]["statistics"]["clusters"]["rounds"],
        draws=config["evidence"]["statistics"]["clusters"]["draws"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_clusters --name all --model {input.model:q} "
        "--codes {input.codes:q} --points {params.points} --clusters {params.clusters} "
        "--rounds {params.rounds} --draws {params.draws} --seed {params.seed} "
        "--output {output:q} --threads {threads} --device {params.device:q} 2> {log:q}"

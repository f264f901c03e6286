rule measure_neighbours:
    input:
        subset="<results>/data/all.safetensors",
        model="<results>/models/all/vae.safetensors",
        codes="<results>/models/all/codes.safetensors",
        code=code_of("measure_neighbours"),
    output:
        table="<results>/evidence/neighbours.csv",
        points="<results>/evidence/neighbours_points.csv",
        summary=summary("neighbours"),
    log:
        "<logs>/measure_neighbours.log",
    benchmark:
        "<benchmarks>/measure_neighbours.tsv"
    priority: 1
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
        gpu=GPU,
    params:
        points=config["evidence"]["neighbours"]["points"],
        neighbours=config["evidence"]["neighbours"]["neighbours"],
        candidates=config["evidence"]["neighbours"]["candidates"],
        settings=json.dumps(SOLVER_SETTINGS),
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.measure_neighbours --name all --subset {input.subset:q} "
        "--model {input.model:q} --codes {input.codes:q} --points {params.points} "
        "--neighbours {params.neighbours} --candidates {params.candidates} "
        "--settings {params.settings:q} --seed {params.seed} --output {output.table:q} "
        "--output-points {output.points:q} --summary {output.summary:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"

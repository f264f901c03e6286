RAW = [
    f"<results>/data/raw/{part}-ubyte"
    for part in (
        "train-images-idx3",
        "train-labels-idx1",
        "t10k-images-idx3",
        "t10k-labels-idx1",
    )
]


rule fetch:
    input:
        code=code_of("fetch"),
    output:
        RAW,
    log:
        "<logs>/fetch.log",
    benchmark:
        "<benchmarks>/fetch.tsv"
    retries: 1
    localrule: True  # a cluster's nodes may have no network
    conda:
        ENVIRONMENT
    params:
        source=config["data"]["source"],
        folder=["--data-folder", config["data"]["folder"]] if config["data"]["folder"] else [],
        output=lambda wildcards, output: Path(output[0]).parent,
    shell:
        "python -m workflow.scripts.fetch --source {params.source:q} "
        "{params.folder:q} --output {params.output:q} 2> {log:q}"


rule subset:
    input:
        # The files are verified by their sums: made anew by another mirror they are the same, and
        # only another source gives others.
        raw=ancient(RAW),
        code=code_of("subset"),
    output:
        "<results>/data/{model}.safetensors",
    log:
        "<logs>/subset/{model}.log",
    benchmark:
        "<benchmarks>/subset/{model}.tsv"
    priority: urgency_of
    conda:
        ENVIRONMENT
    params:
        raw=lambda wildcards, input: Path(input.raw[0]).parent,
        source=config["data"]["source"],
        digits=digits_of,
        fraction=config["data"]["validation_fraction"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.subset --raw {params.raw:q} --digits {params.digits} "
        "--validation-fraction {params.fraction} --seed {params.seed} --output {output:q} "
        "2> {log:q}"

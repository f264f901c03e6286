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
        # MNIST's files are verified by their sums, whichever mirror serves them: no edit changes
        # them, but one of what makes the sample.
        code=files_of("latent_transport.datasets.sample") * (config["data"]["source"] == "sample"),
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
        raw=RAW,
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
        digits=digits_of,
        fraction=config["data"]["validation_fraction"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.subset --raw {params.raw:q} --digits {params.digits} "
        "--validation-fraction {params.fraction} --seed {params.seed} --output {output:q} "
        "2> {log:q}"

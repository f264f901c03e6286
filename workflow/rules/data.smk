RAW = [f"<results>/data/raw/{name}" for name in FILES]
CLASSES = "<results>/data/raw/classes.txt"

# Known files are verified by their sums, whichever mirror serves them: no edit changes them, but
# one of what makes the sample, or converts a folder.
MAKERS = {
    "sample": "latent_transport.datasets.sample",
    "folder": "latent_transport.datasets.folders",
}
MAKER = MAKERS.get(config["data"]["source"])


rule fetch:
    input:
        own=own_data,
        code=files_of(MAKER) if MAKER else [],
    output:
        raw=RAW,
        classes=CLASSES,
    log:
        "<logs>/fetch.log",
    benchmark:
        "<benchmarks>/fetch.tsv"
    priority: FIRST
    retries: 1
    localrule: True  # a cluster's nodes may have no network
    conda:
        ENVIRONMENT
    params:
        source=config["data"]["source"],
        folder=["--data-folder", config["data"]["folder"]] if config["data"]["folder"] else [],
        output=lambda wildcards, output: Path(output.classes).parent,
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
        digits=options_of_digits,
        fraction=config["data"]["validation_fraction"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.subset --raw {params.raw:q} {params.digits} "
        "--validation-fraction {params.fraction} --seed {params.seed} --output {output:q} "
        "2> {log:q}"

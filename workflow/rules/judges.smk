rule fit_uncertainty:
    input:
        subset=subset_of,
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        code=code_of("fit_uncertainty"),
    output:
        "<results>/models/{model}/uncertainty.safetensors",
    log:
        "<logs>/fit_uncertainty/{model}.log",
    benchmark:
        "<benchmarks>/fit_uncertainty/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
    params:
        centres=config["evidence"]["uncertainty"]["centres"],
        limit=config["evidence"]["uncertainty"]["limit"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.fit_uncertainty --subset {input.subset:q} "
        "--model {input.model:q} --codes {input.codes:q} --centres {params.centres} "
        "--limit {params.limit} --seed {params.seed} --output {output:q} --threads {threads} "
        "--device {params.device:q} 2> {log:q}"


rule train_ensemble:
    input:
        subset=subset_of,
        model=rules.train_vae.output.model,
        code=code_of("train_ensemble"),
    output:
        "<results>/models/{model}/ensemble.safetensors",
    log:
        "<logs>/train_ensemble/{model}.log",
    benchmark:
        "<benchmarks>/train_ensemble/{model}.tsv"
    priority: 1
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        members=config["evidence"]["ensemble"]["members"],
        schedule=json.dumps(config["evidence"]["ensemble"]["schedule"]),
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.train_ensemble --subset {input.subset:q} "
        "--model {input.model:q} --members {params.members} --schedule {params.schedule:q} "
        "--seed {params.seed} --output {output:q} --threads {threads} "
        "--device {params.device:q} 2> {log:q}"


rule train_classifier:
    input:
        subset="<results>/data/all.safetensors",
        code=code_of("train_classifier"),
    output:
        classifier="<results>/models/{classifier}/classifier.safetensors",
        history="<results>/models/{classifier}/history.csv",
        evaluation="<results>/models/{classifier}/evaluation.csv",
    log:
        "<logs>/train_classifier/{classifier}.log",
    benchmark:
        "<benchmarks>/train_classifier/{classifier}.tsv"
    priority: 1
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        settings=json.dumps(config["evidence"]["classifier"]),
        seed=lambda wildcards: seed_of_name(wildcards.classifier),
        device=config["device"],
    shell:
        "python -m workflow.scripts.train_classifier --subset {input.subset:q} "
        "--settings {params.settings:q} --seed {params.seed} "
        "--classifier {output.classifier:q} --history {output.history:q} "
        "--evaluation {output.evaluation:q} --threads {threads} --device {params.device:q} "
        "2> {log:q}"


rule choose_strength:
    input:
        subset=subset_of,
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        uncertainty=rules.fit_uncertainty.output,
        classifier=lambda wildcards: expand(
            rules.train_classifier.output.classifier, classifier="classifier"
        ),
        pairs=rules.choose_validation_pairs.output,
        code=code_of("choose_strength"),
    output:
        strength="<results>/models/{model}/strength/{geometry}.json",
        table="<results>/models/{model}/strength/{geometry}.csv",
    log:
        "<logs>/choose_strength/{model}/{geometry}.log",
    benchmark:
        "<benchmarks>/choose_strength/{model}/{geometry}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(120),
        gpu=GPU,
    params:
        candidates=config["evidence"]["strength"]["candidates"],
        settings=json.dumps(SOLVER_SETTINGS),
        images=config["evidence"]["images"],
        samples=config["evidence"]["importance_samples"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.choose_strength --geometry {wildcards.geometry} "
        "--subset {input.subset:q} --model {input.model:q} --codes {input.codes:q} "
        "--uncertainty {input.uncertainty:q} --classifier {input.classifier:q} "
        "--pairs {input.pairs:q} --candidates {params.candidates} "
        "--settings {params.settings:q} --images {params.images} --samples {params.samples} "
        "--seed {params.seed} --strength {output.strength:q} --table {output.table:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"

# Rules plot_NAME whose script, of the same name, wants only files: those, by their options.
PLANE = f"<results>/models/{SURFACE}"
PLOTS_OF_FILES = {
    "figure1": {"field": f"{PLANE}/field.safetensors", "codes": f"{PLANE}/codes.safetensors"},
    "indicatrices": {
        "indicatrices": f"{PLANE}/indicatrices.safetensors",
        "field": f"{PLANE}/field.safetensors",
        "codes": f"{PLANE}/codes.safetensors",
    },
    "containment": {"classes": CLASSES, "summary": "<results>/tables/containment.csv"},
    "plausibility": {"summary": "<results>/tables/plausibility.csv"},
    "frontier": {"summary": "<results>/tables/frontier.csv"},
    "mechanism": {
        "plausibility": "<results>/evidence/plausibility/all.csv",
        "containment": "<results>/evidence/containment/all.csv",
    },
    "sequences": {
        "strips": expand("<results>/evidence/sequences/{sequence}.safetensors", sequence=SEQUENCES),
    },
    "ramp": {"curves": "<results>/evidence/ramp.safetensors"},
    "stability": {
        "classes": CLASSES,
        "table": "<results>/evidence/stability.csv",
        "levels": "<results>/evidence/stability/levels.csv",
        "summary": "<results>/tables/stability.csv",
    },
    "neighbours": {"summary": "<results>/tables/neighbours.csv"},
    "statistics": {
        "strips": expand("<results>/evidence/statistics/{model}.safetensors", model=DIGIT_MODELS),
        "classes": CLASSES,
    },
    "benchmark": {
        "classes": CLASSES,
        "wasserstein1": rules.benchmark_wasserstein1.output,
        "solvers": expand(rules.benchmark_solvers.output, model=BENCHMARKED),
        "scaling": expand(rules.benchmark_scaling.output, model=BENCHMARKED),
    },
    "peers": {"table": rules.compare_peers.output},
}

for name, files in PLOTS_OF_FILES.items():
    if name not in (*NAMES, "benchmark", "peers"):
        continue  # a part of the evidence that is switched off

    rule:
        name:
            f"plot_{name}"
        input:
            **files,
            code=code_of(f"plot_{name}"),
        output:
            figure(name),
        log:
            f"<logs>/plot_{name}.log",
        benchmark:
            f"<benchmarks>/plot_{name}.tsv"
        priority: FIRST * (name in FIRST_NAMES)
        conda:
            ENVIRONMENT
        params:
            script=f"plot_{name}",
            options=options_of_files,
        shell:
            "python -m workflow.scripts.{params.script} {params.options:q} --output {output:q} "
            "2> {log:q}"


ROWS = ["geodesic", *config["figures"]["extended"], "line", "fade", "interpolation"]


rule judge_strips:
    input:
        paths="<results>/paths/all-extended.safetensors",
        classifier=expand(rules.train_classifier.output.classifier, classifier=SECOND_CLASSIFIER),
        code=code_of("judge_strips"),
    output:
        "<results>/paths/confidence.safetensors",
    log:
        "<logs>/judge_strips.log",
    benchmark:
        "<benchmarks>/judge_strips.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
    params:
        rows=ROWS,
        device=config["device"],
    shell:
        "python -m workflow.scripts.judge_strips --paths {input.paths:q} --rows {params.rows} "
        "--classifier {input.classifier:q} --output {output:q} --threads {threads} "
        "--device {params.device:q} 2> {log:q}"


# Rules plot_NAME of decoded paths, drawn by one script: its further options.
PLOTS_OF_PATHS = {
    "figure3": ["--pairs", "first"],
    "figure4": ["--pairs", "others"],
    "figure3_extended": ["--pairs", "first", "--rows", *ROWS],
    "figure4_extended": ["--pairs", "others", "--rows", *ROWS],
}

for name, options in PLOTS_OF_PATHS.items():

    rule:
        name:
            f"plot_{name}"
        input:
            paths=f"<results>/paths/{'all' if name in FIRST_NAMES else 'all-extended'}.safetensors",
            confidence=[] if name in FIRST_NAMES else rules.judge_strips.output,
            classes=CLASSES,
            code=code_of("plot_paths"),
        output:
            figure(name),
        log:
            f"<logs>/plot_{name}.log",
        benchmark:
            f"<benchmarks>/plot_{name}.tsv"
        priority: FIRST * (name in FIRST_NAMES)
        conda:
            ENVIRONMENT
        params:
            options=options,
            confidence=lambda wildcards, input: [
                part for file in listed(input.confidence) for part in ("--confidence", file)
            ],
        shell:
            "python -m workflow.scripts.plot_paths --paths {input.paths:q} --classes {input.classes:q} "
            "{params.options:q} {params.confidence:q} --output {output:q} 2> {log:q}"


rule plot_figure2:
    input:
        fields=expand(rules.measure_field.output, model=DIGIT_MODELS),
        codes=expand(rules.encode.output, model=DIGIT_MODELS),
        geodesics=expand(W1_TABLE, model=DIGIT_MODELS),
        curves=expand(W1_CURVES, model=DIGIT_MODELS),
        classes=CLASSES,
        code=code_of("plot_figure2"),
    output:
        figure("figure2"),
    log:
        "<logs>/plot_figure2.log",
    benchmark:
        "<benchmarks>/plot_figure2.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        models=DIGIT_MODELS,
        pairs=config["figures"]["curves"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.plot_figure2 --models {params.models} --classes {input.classes:q} "
        "--fields {input.fields:q} --codes {input.codes:q} --geodesics {input.geodesics:q} "
        "--curves {input.curves:q} --pairs {params.pairs} --seed {params.seed} "
        "--output {output:q} 2> {log:q}"


rule plot_training:
    input:
        histories=expand(rules.train_vae.output.history, model=MODELS),
        classes=CLASSES,
        code=code_of("plot_training"),
    output:
        figure("training"),
    log:
        "<logs>/plot_training.log",
    benchmark:
        "<benchmarks>/plot_training.tsv"
    conda:
        ENVIRONMENT
    params:
        models=MODELS,
    shell:
        "python -m workflow.scripts.plot_training --models {params.models} --classes {input.classes:q} "
        "--histories {input.histories:q} --output {output:q} 2> {log:q}"


rule publish_figure:
    input:
        "<results>/figures/{figure}",
    output:
        "<paper>/figures/{figure}",
    log:
        "<logs>/publish_figure/{figure}.log",
    priority: FIRST
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "cp {input:q} {output:q} 2> {log:q}"

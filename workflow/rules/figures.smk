rule plot_figure1:
    input:
        field=f"<results>/models/{SURFACE}/field.safetensors",
        codes=f"<results>/models/{SURFACE}/codes.safetensors",
        code=code_of("plot_figure1"),
    output:
        figure("figure1"),
    log:
        "<logs>/plot_figure1.log",
    benchmark:
        "<benchmarks>/plot_figure1.tsv"
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.plot_figure1 --field {input.field:q} --codes {input.codes:q} "
        "--output {output:q} 2> {log:q}"


rule plot_figure2:
    input:
        fields=expand(rules.measure_field.output, model=DIGIT_MODELS),
        codes=expand(rules.encode.output, model=DIGIT_MODELS),
        geodesics=expand(W1_TABLE, model=DIGIT_MODELS),
        curves=expand(W1_CURVES, model=DIGIT_MODELS),
        code=code_of("plot_figure2"),
    output:
        figure("figure2"),
    log:
        "<logs>/plot_figure2.log",
    benchmark:
        "<benchmarks>/plot_figure2.tsv"
    conda:
        ENVIRONMENT
    params:
        models=DIGIT_MODELS,
        pairs=config["figures"]["curves"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.plot_figure2 --models {params.models} "
        "--fields {input.fields:q} --codes {input.codes:q} --geodesics {input.geodesics:q} "
        "--curves {input.curves:q} --pairs {params.pairs} --seed {params.seed} "
        "--output {output:q} 2> {log:q}"


rule plot_figure3:
    input:
        paths="<results>/paths/all.safetensors",
        code=code_of("plot_paths"),
    output:
        figure("figure3"),
    log:
        "<logs>/plot_figure3.log",
    benchmark:
        "<benchmarks>/plot_figure3.tsv"
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.plot_paths --paths {input.paths:q} --pairs first "
        "--output {output:q} 2> {log:q}"


rule plot_figure4:
    input:
        paths="<results>/paths/all.safetensors",
        code=code_of("plot_paths"),
    output:
        figure("figure4"),
    log:
        "<logs>/plot_figure4.log",
    benchmark:
        "<benchmarks>/plot_figure4.tsv"
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.plot_paths --paths {input.paths:q} --pairs others "
        "--output {output:q} 2> {log:q}"


rule plot_figure4_extended:
    input:
        paths="<results>/paths/all.safetensors",
        code=code_of("plot_paths"),
    output:
        figure("figure4_extended"),
    log:
        "<logs>/plot_figure4_extended.log",
    benchmark:
        "<benchmarks>/plot_figure4_extended.tsv"
    conda:
        ENVIRONMENT
    params:
        rows=["geodesic", *config["figures"]["extended"], "line", "interpolation"],
    shell:
        "python -m workflow.scripts.plot_paths --paths {input.paths:q} --pairs others "
        "--rows {params.rows} --output {output:q} 2> {log:q}"


rule plot_training:
    input:
        histories=expand(rules.train_vae.output.history, model=MODELS),
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
        "python -m workflow.scripts.plot_training --models {params.models} "
        "--histories {input.histories:q} --output {output:q} 2> {log:q}"


rule publish_figure:
    input:
        "<results>/figures/{figure}",
    output:
        "<paper>/figures/{figure}",
    log:
        "<logs>/publish_figure/{figure}.log",
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "cp {input:q} {output:q} 2> {log:q}"

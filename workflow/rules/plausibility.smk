rule judge_paths:
    input:
        subset=subset_of,
        model=rules.train_vae.output.model,
        judge=lambda wildcards: expand(rules.train_vae.output.model, model=judge_of(wildcards)),
        # Of a training of its own: the strengths of weights are chosen by the other one.
        classifier=expand(rules.train_classifier.output.classifier, classifier="classifier-seed1"),
        pairs=rules.choose_pairs.output,
        curves=curves_of,
        code=code_of("judge_paths"),
    output:
        "<results>/evidence/plausibility/{model}.csv",
    log:
        "<logs>/judge_paths/{model}.log",
    benchmark:
        "<benchmarks>/judge_paths/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(60),
        gpu=GPU,
    params:
        paths=compared_in,
        images=config["evidence"]["images"],
        samples=lambda wildcards: (REPLICATED if is_replicate(wildcards) else config["evidence"])[
            "importance_samples"
        ],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.judge_paths --name {wildcards.model} "
        "--subset {input.subset:q} --model {input.model:q} "
        "--judge {input.judge:q} --classifier {input.classifier:q} --pairs {input.pairs:q} "
        "--paths {params.paths} --curves {input.curves:q} --images {params.images} "
        "--samples {params.samples} --seed {params.seed} --output {output:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"

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
        classifier="<results>/models/classifier/classifier.safetensors",
        history="<results>/models/classifier/history.csv",
        evaluation="<results>/models/classifier/evaluation.csv",
    log:
        "<logs>/train_classifier.log",
    benchmark:
        "<benchmarks>/train_classifier.tsv"
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
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.train_classifier --subset {input.subset:q} "
        "--settings {params.settings:q} --seed {params.seed} "
        "--classifier {output.classifier:q} --history {output.history:q} "
        "--evaluation {output.evaluation:q} --threads {threads} --device {params.device:q} "
        "2> {log:q}"


rule choose_validation_pairs:
    input:
        codes=rules.encode.output,
        code=code_of("choose_pairs"),
    output:
        "<results>/geodesics/{model}/validation_pairs.csv",
    log:
        "<logs>/choose_validation_pairs/{model}.log",
    benchmark:
        "<benchmarks>/choose_validation_pairs/{model}.tsv"
    conda:
        ENVIRONMENT
    params:
        random=config["evidence"]["strength"]["pairs"]["random"],
        far=config["evidence"]["strength"]["pairs"]["far"],
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.choose_pairs --codes {input.codes:q} --split validation "
        "--random {params.random} --far {params.far} --seed {params.seed} "
        "--output {output:q} 2> {log:q}"


rule choose_strength:
    input:
        subset=subset_of,
        model=rules.train_vae.output.model,
        codes=rules.encode.output,
        uncertainty=rules.fit_uncertainty.output,
        classifier=rules.train_classifier.output.classifier,
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


if "containment" in EVIDENCE_PARTS:

    rule measure_containment:
        input:
            codes=rules.encode.output,
            pairs=rules.choose_pairs.output,
            curves=curves_of,
            code=code_of("measure_containment"),
        output:
            "<results>/evidence/containment/{model}.csv",
        log:
            "<logs>/measure_containment/{model}.log",
        benchmark:
            "<benchmarks>/measure_containment/{model}.tsv"
        conda:
            ENVIRONMENT
        params:
            paths=lambda wildcards: compared(kind_of(wildcards)),
        shell:
            "python -m workflow.scripts.measure_containment --name {wildcards.model} "
            "--codes {input.codes:q} --pairs {input.pairs:q} --paths {params.paths} "
            "--curves {input.curves:q} --output {output:q} 2> {log:q}"

    rule compare_containment:
        input:
            tables=expand(rules.measure_containment.output, model=MODELS),
            code=code_of("compare_paths"),
        output:
            summary("containment"),
        log:
            "<logs>/compare_containment.log",
        benchmark:
            "<benchmarks>/compare_containment.tsv"
        conda:
            ENVIRONMENT
        params:
            references=["line", "wasserstein1"],
            seed=config["seed"],
        shell:
            "python -m workflow.scripts.compare_paths --tables {input.tables:q} "
            "--references {params.references} --seed {params.seed} --output {output:q} 2> {log:q}"

    rule plot_containment:
        input:
            summary=rules.compare_containment.output,
            code=code_of("plot_containment"),
        output:
            figure("containment"),
        log:
            "<logs>/plot_containment.log",
        benchmark:
            "<benchmarks>/plot_containment.tsv"
        conda:
            ENVIRONMENT
        shell:
            "python -m workflow.scripts.plot_containment --summary {input.summary:q} "
            "--output {output:q} 2> {log:q}"


if "plausibility" in EVIDENCE_PARTS:

    rule judge_paths:
        input:
            subset=subset_of,
            model=rules.train_vae.output.model,
            classifier=rules.train_classifier.output.classifier,
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
            paths=lambda wildcards: compared(kind_of(wildcards)),
            images=config["evidence"]["images"],
            samples=config["evidence"]["importance_samples"],
            seed=config["seed"],
            device=config["device"],
        shell:
            "python -m workflow.scripts.judge_paths --name {wildcards.model} "
            "--subset {input.subset:q} --model {input.model:q} "
            "--classifier {input.classifier:q} --pairs {input.pairs:q} "
            "--paths {params.paths} --curves {input.curves:q} --images {params.images} "
            "--samples {params.samples} --seed {params.seed} --output {output:q} "
            "--threads {threads} --device {params.device:q} 2> {log:q}"

    rule compare_plausibility:
        input:
            tables=expand(rules.judge_paths.output, model="all"),
            code=code_of("compare_paths"),
        output:
            summary("plausibility"),
        log:
            "<logs>/compare_plausibility.log",
        benchmark:
            "<benchmarks>/compare_plausibility.tsv"
        conda:
            ENVIRONMENT
        params:
            references=["line", "interpolation", "wasserstein1"],
            seed=config["seed"],
        shell:
            "python -m workflow.scripts.compare_paths --tables {input.tables:q} "
            "--references {params.references} --seed {params.seed} --output {output:q} 2> {log:q}"

    rule plot_plausibility:
        input:
            summary=rules.compare_plausibility.output,
            code=code_of("plot_plausibility"),
        output:
            figure("plausibility"),
        log:
            "<logs>/plot_plausibility.log",
        benchmark:
            "<benchmarks>/plot_plausibility.tsv"
        conda:
            ENVIRONMENT
        shell:
            "python -m workflow.scripts.plot_plausibility --summary {input.summary:q} "
            "--output {output:q} 2> {log:q}"


if "separation" in EVIDENCE_PARTS:

    rule measure_separation:
        input:
            model=rules.train_vae.output.model,
            pairs=rules.choose_pairs.output,
            curves=lambda wildcards: expand(
                rules.gather_geodesics.output.curves,
                model=wildcards.model,
                geometry=["wasserstein1", "fisher-rao"],
            ),
            code=code_of("measure_separation"),
        output:
            "<results>/evidence/separation/{model}.csv",
        log:
            "<logs>/measure_separation/{model}.log",
        benchmark:
            "<benchmarks>/measure_separation/{model}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            gpu=GPU,
        params:
            device=config["device"],
        shell:
            "python -m workflow.scripts.measure_separation --name {wildcards.model} "
            "--model {input.model:q} --pairs {input.pairs:q} "
            "--wasserstein1 {input.curves[0]:q} --fisher-rao {input.curves[1]:q} "
            "--output {output:q} --threads {threads} --device {params.device:q} 2> {log:q}"

    rule compare_separation:
        input:
            tables=expand(rules.measure_separation.output, model=MODELS),
            code=code_of("compare_paths"),
        output:
            summary("separation"),
        log:
            "<logs>/compare_separation.log",
        benchmark:
            "<benchmarks>/compare_separation.tsv"
        conda:
            ENVIRONMENT
        params:
            seed=config["seed"],
        shell:
            "python -m workflow.scripts.compare_paths --tables {input.tables:q} "
            "--references wasserstein1 --seed {params.seed} --output {output:q} 2> {log:q}"


if "ramp" in EVIDENCE_PARTS:

    rule measure_ramp:
        input:
            code=code_of("measure_ramp"),
        output:
            table=summary("ramp"),
            curves="<results>/evidence/ramp.safetensors",
        log:
            "<logs>/measure_ramp.log",
        benchmark:
            "<benchmarks>/measure_ramp.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            gpu=GPU,
        params:
            device=config["device"],
        shell:
            "python -m workflow.scripts.measure_ramp --table {output.table:q} "
            "--curves {output.curves:q} --threads {threads} --device {params.device:q} 2> {log:q}"

    rule plot_ramp:
        input:
            curves=rules.measure_ramp.output.curves,
            code=code_of("plot_ramp"),
        output:
            figure("ramp"),
        log:
            "<logs>/plot_ramp.log",
        benchmark:
            "<benchmarks>/plot_ramp.tsv"
        conda:
            ENVIRONMENT
        shell:
            "python -m workflow.scripts.plot_ramp --curves {input.curves:q} --output {output:q} "
            "2> {log:q}"


if "stability" in EVIDENCE_PARTS:
    STABLE = {
        SURFACE: config["evidence"]["stability"]["seeds"]["digit"],
        **(
            {"all": config["evidence"]["stability"]["seeds"]["all"]} if config["all_digits"] else {}
        ),
    }
    RETRAINED = [
        (model, model if seed == 0 else f"{model}-seed{seed}")
        for model, seeds in STABLE.items()
        for seed in range(seeds)
    ]

    rule choose_stability_pairs:
        input:
            subset="<results>/data/{model}.safetensors",
            code=code_of("choose_stability_pairs"),
        output:
            "<results>/evidence/stability/{model}/pairs.csv",
        log:
            "<logs>/choose_stability_pairs/{model}.log",
        benchmark:
            "<benchmarks>/choose_stability_pairs/{model}.tsv"
        conda:
            ENVIRONMENT
        params:
            pairs=config["evidence"]["stability"]["pairs"],
            seed=config["seed"],
        shell:
            "python -m workflow.scripts.choose_stability_pairs --subset {input.subset:q} "
            "--pairs {params.pairs} --seed {params.seed} --output {output:q} 2> {log:q}"

    rule measure_distances:
        input:
            model=rules.train_vae.output.model,
            codes=rules.encode.output,
            pairs=lambda wildcards: expand(
                rules.choose_stability_pairs.output, model=wildcards.model.split("-")[0]
            ),
            code=code_of("measure_distances"),
        output:
            "<results>/evidence/stability/{model}/distances.csv",
        log:
            "<logs>/measure_distances/{model}.log",
        benchmark:
            "<benchmarks>/measure_distances/{model}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=growing(60),
            gpu=GPU,
        params:
            geometries=["wasserstein1", "wasserstein2", "fisher-rao", "euclidean"],
            settings=json.dumps(SOLVER_SETTINGS),
            device=config["device"],
        shell:
            "python -m workflow.scripts.measure_distances --model {input.model:q} "
            "--codes {input.codes:q} --pairs {input.pairs:q} --geometries {params.geometries} "
            "--settings {params.settings:q} --output {output:q} --threads {threads} "
            "--device {params.device:q} 2> {log:q}"

    rule measure_stability:
        input:
            tables=expand(
                rules.measure_distances.output, model=[trained for _, trained in RETRAINED]
            ),
            code=code_of("measure_stability"),
        output:
            table="<results>/evidence/stability.csv",
            summary=summary("stability"),
        log:
            "<logs>/measure_stability.log",
        benchmark:
            "<benchmarks>/measure_stability.tsv"
        conda:
            ENVIRONMENT
        params:
            models=[model for model, _ in RETRAINED],
            seed=config["seed"],
        shell:
            "python -m workflow.scripts.measure_stability --models {params.models} "
            "--tables {input.tables:q} --seed {params.seed} --output {output.table:q} "
            "--summary {output.summary:q} 2> {log:q}"

    rule plot_stability:
        input:
            table=rules.measure_stability.output.table,
            summary=rules.measure_stability.output.summary,
            code=code_of("plot_stability"),
        output:
            figure("stability"),
        log:
            "<logs>/plot_stability.log",
        benchmark:
            "<benchmarks>/plot_stability.tsv"
        conda:
            ENVIRONMENT
        shell:
            "python -m workflow.scripts.plot_stability --table {input.table:q} "
            "--summary {input.summary:q} --output {output:q} 2> {log:q}"


if "neighbours" in EVIDENCE_PARTS:

    rule measure_neighbours:
        input:
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
            "python -m workflow.scripts.measure_neighbours --name all --model {input.model:q} "
            "--codes {input.codes:q} --points {params.points} "
            "--neighbours {params.neighbours} --candidates {params.candidates} "
            "--settings {params.settings:q} --seed {params.seed} --output {output.table:q} "
            "--output-points {output.points:q} --summary {output.summary:q} "
            "--threads {threads} --device {params.device:q} 2> {log:q}"

    rule plot_neighbours:
        input:
            summary=rules.measure_neighbours.output.summary,
            code=code_of("plot_neighbours"),
        output:
            figure("neighbours"),
        log:
            "<logs>/plot_neighbours.log",
        benchmark:
            "<benchmarks>/plot_neighbours.tsv"
        conda:
            ENVIRONMENT
        shell:
            "python -m workflow.scripts.plot_neighbours --summary {input.summary:q} "
            "--output {output:q} 2> {log:q}"


if "starts" in EVIDENCE_PARTS:
    STARTED = [SURFACE] + ["all"] * config["all_digits"]

    rule compare_starts:
        input:
            models=expand(rules.train_vae.output.model, model=STARTED),
            codes=expand(rules.encode.output, model=STARTED),
            pairs=expand(rules.choose_pairs.output, model=STARTED),
            code=code_of("compare_starts"),
        output:
            summary("starts"),
        log:
            "<logs>/compare_starts.log",
        benchmark:
            "<benchmarks>/compare_starts.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=growing(120),
            gpu=GPU,
        params:
            names=STARTED,
            number=config["evidence"]["starts"]["pairs"],
            codes=config["evidence"]["starts"]["codes"],
            restarts=config["evidence"]["starts"]["restarts"],
            settings=json.dumps(SOLVER_SETTINGS | config["evidence"]["starts"]["solver"]),
            seed=config["seed"],
            device=config["device"],
        shell:
            "python -m workflow.scripts.compare_starts --names {params.names} "
            "--models {input.models:q} --codes {input.codes:q} --pairs {input.pairs:q} "
            "--count {params.number} --graph-codes {params.codes} "
            "--restarts {params.restarts} --settings {params.settings:q} "
            "--seed {params.seed} --output {output:q} "
            "--threads {threads} --device {params.device:q} 2> {log:q}"

# Values of the families of geometries of which the front is made, and their paths by key.
FRONTIER_VALUES = {
    "density": config["evidence"]["frontier"]["strengths"],
    "latent-density": config["evidence"]["frontier"]["strengths"],
    "regularised": config["evidence"]["frontier"]["regularisations"],
    "blurred": config["evidence"]["frontier"]["blurs"],
}
MEMBERS = {
    family: [name_member(family, value) for value in values]
    for family, values in FRONTIER_VALUES.items()
}
# Geometries of one value, whose geodesics there are.
SINGLE = [name for name in config["evidence"]["geometries"]["all"] if name not in FAMILIES]


rule take_frontier_pairs:
    input:
        pairs="<results>/geodesics/all/pairs.csv",
        code=code_of("take_pairs"),
    output:
        "<results>/frontier/pairs.csv",
    log:
        "<logs>/take_frontier_pairs.log",
    benchmark:
        "<benchmarks>/take_frontier_pairs.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    params:
        **config["evidence"]["frontier"]["pairs"],
    shell:
        "python -m workflow.scripts.take_pairs --pairs {input.pairs:q} --random {params.random} "
        "--far {params.far} --output {output:q} 2> {log:q}"


for family, values in FRONTIER_VALUES.items():

    rule:
        name:
            f"solve_frontier_{family.replace('-', '_')}"
        input:
            model="<results>/models/all/vae.safetensors",
            codes="<results>/models/all/codes.safetensors",
            pairs=rules.take_frontier_pairs.output,
            code=code_of("solve_family"),
        output:
            expand("<results>/frontier/{member}.safetensors", member=MEMBERS[family]),
        log:
            f"<logs>/solve_frontier/{family}.log",
        benchmark:
            f"<benchmarks>/solve_frontier/{family}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=growing(60),
            gpu=GPU,
        params:
            family=family,
            values=values,
            settings=json.dumps(SOLVER_SETTINGS),
            device=config["device"],
        shell:
            "python -m workflow.scripts.solve_family --geometry {params.family} "
            "--values {params.values} --model {input.model:q} --codes {input.codes:q} "
            "--pairs {input.pairs:q} --settings {params.settings:q} --curves {output:q} "
            "--threads {threads} --device {params.device:q} 2> {log:q}"


rule judge_frontier:
    input:
        subset="<results>/data/all.safetensors",
        model="<results>/models/all/vae.safetensors",
        judge=f"<results>/models/{SECOND_MODEL}/vae.safetensors",
        classifier=f"<results>/models/{SECOND_CLASSIFIER}/classifier.safetensors",
        pairs=rules.take_frontier_pairs.output,
        curves=[
            *expand(rules.gather_geodesics.output.curves, model="all", geometry=SINGLE),
            *expand("<results>/frontier/{member}.safetensors", member=sum(MEMBERS.values(), [])),
        ],
        code=code_of("judge_paths"),
    output:
        "<results>/evidence/frontier/all.csv",
    log:
        "<logs>/judge_frontier.log",
    benchmark:
        "<benchmarks>/judge_frontier.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(60),
        gpu=GPU,
    params:
        paths=[*SINGLE, *sum(MEMBERS.values(), [])],
        images=config["evidence"]["images"],
        samples=config["evidence"]["importance_samples"],
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.judge_paths --name all --subset {input.subset:q} "
        "--model {input.model:q} --judge {input.judge:q} --classifier {input.classifier:q} "
        "--pairs {input.pairs:q} --paths {params.paths} --curves {input.curves:q} "
        "--images {params.images} --samples {params.samples} --seed {params.seed} "
        "--output {output:q} --threads {threads} --device {params.device:q} 2> {log:q}"


rule compare_frontier:
    input:
        table=rules.judge_frontier.output,
        code=code_of("compare_frontier"),
    output:
        summary("frontier"),
    log:
        "<logs>/compare_frontier.log",
    benchmark:
        "<benchmarks>/compare_frontier.tsv"
    conda:
        ENVIRONMENT
    params:
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.compare_frontier --table {input.table:q} --seed {params.seed} "
        "--output {output:q} 2> {log:q}"

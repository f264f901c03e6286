from snakemake.utils import min_version

min_version("9.14")


configfile: "config/paper.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/geodesics.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/benchmark.smk"


localrules:
    all,
    data,
    models,
    geodesics,
    figures,
    benchmark,


rule data:
    input:
        expand(rules.subset.output, model=MODELS),


rule models:
    input:
        expand(rules.train_vae.output, model=MODELS),
        expand(rules.evaluate_vae.output, model=MODELS),


rule geodesics:
    input:
        expand(rules.gather_geodesics.output, model=MODELS),


rule figures:
    input:
        FIGURES,
        PUBLISHED,


rule benchmark:
    input:
        rules.benchmark_wasserstein1.output,
        expand(rules.benchmark_solvers.output, model=[DIGIT_MODELS[0], MODELS[-1]]),


rule all:
    default_target: True
    input:
        rules.figures.input,
        rules.tabulate.output,

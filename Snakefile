from snakemake.utils import min_version

min_version("9.17")


# Of this repository, wherever it is run from.
configfile: str(workflow.current_basedir.join("config/paper.yaml"))


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/geodesics.smk"
include: "workflow/rules/fields.smk"
include: "workflow/rules/judges.smk"
include: "workflow/rules/comparisons.smk"


for part in RULED_PARTS:

    include: f"workflow/rules/{part}.smk"


include: "workflow/rules/benchmark.smk"
include: "workflow/rules/zoo.smk"
include: "workflow/rules/peers.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/archive.smk"


localrules:
    all,
    data,
    models,
    geodesics,
    figures,
    evidence,
    page,
    benchmark,
    benchmark_peers,
    costs,


rule data:
    input:
        expand(rules.subset.output, model=MODELS),


rule models:
    input:
        expand(rules.train_vae.output, model=MODELS),
        expand(rules.evaluate_vae.output, model=MODELS),


rule geodesics:
    input:
        expand(rules.gather_geodesics.output, model=MODELS, geometry="wasserstein1"),


rule figures:
    input:
        expand("<results>/figures/{name}.{format}", name=FIRST_NAMES, format=FORMATS),
        expand("<paper>/figures/{name}.{format}", name=FIRST_NAMES, format=FORMATS),
        rules.tabulate.output,


rule page:
    input:
        rules.build_page.output,


rule benchmark:
    input:
        rules.plot_benchmark.output,
        rules.benchmark_decoders.output,
        expand("<paper>/figures/benchmark.{format}", format=FORMATS),
        expand(rules.benchmark_geometries.output, model=BENCHMARKED[-1]),


rule benchmark_peers:
    input:
        rules.compare_peers.output,
        rules.plot_peers.output,


rule costs:
    input:
        rules.tabulate_costs.output,


rule evidence:
    input:
        expand("<results>/tables/{part}.csv", part=EVIDENCE_PARTS),


rule all:
    default_target: True
    # Those who ask for the figures want what they are made from as well, though deleted since.
    input:
        FIGURES,
        PUBLISHED,
        rules.data.input,
        rules.models.input,
        rules.geodesics.input,
        rules.figures.input,
        rules.tabulate.output,
        rules.evidence.input,
        rules.paper.input,


# Snakemake's limit of 100 jobs a second makes it look at all that are ready each second, as many times
# as jobs have ended: a quarter of a core after a hundred. Batch systems need a limit; others that
# were asked for stay.
onstart:
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if workflow.local_exec and limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    for line in describe_outcome(config["pathvars"]["results"], config["pathvars"]["paper"]):
        print(line, file=sys.stderr)

# Those whose rules there are: a part that is switched off has none.
SUMMARIES = {
    Path(path).stem: str(path)
    for rule in workflow.rules
    for path in rule.output
    if Path(path).parent.name == "tables" and Path(path).stem in PARTS
}
JUDGED = {name: path for name, path in SUMMARIES.items() if PARTS[name].judged}

TABLES = {
    "models": [rules.tabulate.output.models],
    "geodesics": [rules.tabulate.output.geodesics],
    **{name: [path] for name, path in SUMMARIES.items()},
}
DRAWN = [f"<results>/figures/{name}.pdf" for name in NAMES]
if config["paper"]["benchmarks"]:
    TABLES["wasserstein1"] = rules.benchmark_wasserstein1.output
    TABLES["solvers"] = expand(rules.benchmark_solvers.output, model=BENCHMARKED)
    TABLES["scaling"] = expand(rules.benchmark_scaling.output, model=BENCHMARKED)
    DRAWN.append("<results>/figures/benchmark.pdf")


rule judge_claims:
    input:
        **JUDGED,
        code=code_of("judge_claims"),
    output:
        verdicts=report(
            "<results>/tables/verdicts.csv",
            caption="../report/verdicts.rst",
            category="Tables",
            labels={"table": "verdicts"},
        ),
        tests="<results>/tables/tests.csv",
    log:
        "<logs>/judge_claims.log",
    benchmark:
        "<benchmarks>/judge_claims.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    params:
        tables=[part for name, path in JUDGED.items() for part in (f"--{name}", path)],
        claims=json.dumps(config["evidence"]["claims"]),
    shell:
        "python -m workflow.scripts.judge_claims {params.tables:q} "
        "--claims {params.claims:q} --output-verdicts {output.verdicts:q} "
        "--output-tests {output.tests:q} 2> {log:q}"


if JUDGED:
    TABLES["verdicts"] = [rules.judge_claims.output.verdicts]
    TABLES["tests"] = [rules.judge_claims.output.tests]


rule collect_provenance:
    input:
        results=[
            *expand(rules.train_vae.output.model, model=MODELS),
            *expand(W1_CURVES, model=MODELS),
            *(path for paths in TABLES.values() for path in paths),
            *DRAWN,
        ],
        code=code_of("collect_provenance"),
    output:
        report(
            "<results>/tables/provenance.csv",
            caption="../report/provenance.rst",
            category="Tables",
            labels={"table": "provenance"},
        ),
    log:
        "<logs>/collect_provenance.log",
    benchmark:
        "<benchmarks>/collect_provenance.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.collect_provenance --results {input.results:q} "
        "--output {output:q} 2> {log:q}"


rule collect_numbers:
    input:
        **TABLES,
        provenance=rules.collect_provenance.output,
        classes=CLASSES,
        code=code_of("collect_numbers"),
    output:
        json="<results>/numbers.json",
        latex="<results>/numbers.tex",
    log:
        "<logs>/collect_numbers.log",
    benchmark:
        "<benchmarks>/collect_numbers.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    params:
        tables=lambda wildcards, input: [
            part for name in TABLES for part in ("--table", name, *listed(input[name]))
        ],
        data=TITLES[config["data"]["source"]],
        config=json.dumps(SETTINGS),
    shell:
        "python -m workflow.scripts.collect_numbers {params.tables:q} "
        "--provenance {input.provenance:q} --classes {input.classes:q} --data {params.data:q} --config {params.config:q} "
        "--output-json {output.json:q} --output-latex {output.latex:q} 2> {log:q}"


# Another run's numbers, and its figures, once they are there.
BESIDE = []
if config["paper"]["beside"] is not None:
    beside = Path(config["paper"]["beside"])
    shown = [beside / "figures" / f"{name}.pdf" for name in ("figure2", "figure4_extended")]
    if (beside / "numbers.json").is_file():
        BESIDE = [str(path) for path in (beside / "numbers.json", *shown) if path.is_file()]


rule compile_paper:
    input:
        source=locate("paper/optimal-latent-transport.typ"),
        parts=sorted(locate(path.relative_to(ROOT)) for path in ROOT.glob("paper/**/*.typ")),
        bibliography=locate("paper/references.bib"),
        numbers=rules.collect_numbers.output.json,
        figures=DRAWN,
        captions=sorted(
            locate(path.relative_to(ROOT)) for path in ROOT.glob("workflow/report/*.rst")
        ),
        beside=BESIDE,
        code=code_of("compile_paper"),
    output:
        report(
            "<paper>/optimal-latent-transport.pdf",
            caption="../report/paper.rst",
            category="Paper",
            labels={"paper": "manuscript"},
        ),
    log:
        "<logs>/compile_paper.log",
    benchmark:
        "<benchmarks>/compile_paper.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.compile_paper --source {input.source:q} "
        "--numbers {input.numbers:q} --figures {input.figures:q} --captions {input.captions:q} "
        "--beside {input.beside:q} --output {output:q} 2> {log:q}"


rule paper:
    input:
        rules.compile_paper.output,
        rules.collect_numbers.output,
    localrule: True


rule check:
    input:
        numbers=rules.collect_numbers.output.json,
        reference=lambda wildcards: stop_on(find_reference_errors(config))
        or config["paper"]["reference"],
        code=code_of("check_results"),
    log:
        "<logs>/check.log",
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "python -m workflow.scripts.check_results --numbers {input.numbers:q} "
        "--reference {input.reference:q} 2> {log:q}"


# A rule cannot wait for benchmarks: the manuscript, which comes last, stands for them.
rule tabulate_costs:
    input:
        rules.compile_paper.output,
        code=code_of("tabulate_costs"),
    output:
        "<results>/tables/costs.csv",
    log:
        "<logs>/tabulate_costs.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        benchmarks=config["pathvars"]["benchmarks"],
    shell:
        "python -m workflow.scripts.tabulate_costs --benchmarks {params.benchmarks:q} "
        "--output {output:q} 2> {log:q}"

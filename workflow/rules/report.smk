report: "../report/workflow.rst"


FIRST_DIGIT = config["page"]["digit"]
if FIRST_DIGIT is None:
    FIRST_DIGIT = config["figures"]["surface_digit"]
PAGE_PARTS = "src/latent_transport/evidence/page/assets"


rule build_page:
    input:
        models=expand(rules.train_vae.output.model, model=DIGIT_MODELS),
        codes=expand(rules.encode.output, model=DIGIT_MODELS),
        fields=expand(rules.measure_field.output, model=DIGIT_MODELS),
        classes=CLASSES,
        assets=sorted(locate(path.relative_to(ROOT)) for path in ROOT.glob(f"{PAGE_PARTS}/*")),
        code=code_of("build_page"),
    output:
        report(
            "<results>/page/index.html",
            caption="../report/page.rst",
            category="Interactive page",
            labels={"page": "latent planes of single digits"},
        ),
    log:
        "<logs>/build_page.log",
    benchmark:
        "<benchmarks>/build_page.tsv"
    conda:
        ENVIRONMENT
    params:
        digits=sorted(config["digits"]),
        first=FIRST_DIGIT,
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.build_page --digits {params.digits} --first {params.first} "
        "--classes {input.classes:q} --models {input.models:q} --codes {input.codes:q} "
        "--fields {input.fields:q} --seed {params.seed} --output {output:q} 2> {log:q}"

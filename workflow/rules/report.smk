report: "../report/workflow.rst"


PAGE_DIGIT = config["page"]["digit"]
if PAGE_DIGIT is None:
    PAGE_DIGIT = config["figures"]["surface_digit"]
PAGE_PARTS = "src/latent_transport/evidence/page/assets"
PAGE = f"digit{PAGE_DIGIT}"


rule build_page:
    input:
        model=f"<results>/models/{PAGE}/vae.safetensors",
        codes=f"<results>/models/{PAGE}/codes.safetensors",
        field=f"<results>/models/{PAGE}/field.safetensors",
        classes=CLASSES,
        assets=sorted(locate(path.relative_to(ROOT)) for path in ROOT.glob(f"{PAGE_PARTS}/*")),
        code=code_of("build_page"),
    output:
        report(
            "<results>/page/index.html",
            caption="../report/page.rst",
            category="Interactive page",
            labels={"page": f"latent plane of digit {PAGE_DIGIT}"},
        ),
    log:
        "<logs>/build_page.log",
    benchmark:
        "<benchmarks>/build_page.tsv"
    conda:
        ENVIRONMENT
    params:
        digit=PAGE_DIGIT,
        seed=config["seed"],
    shell:
        "python -m workflow.scripts.build_page --digit {params.digit} --classes {input.classes:q} "
        "--model {input.model:q} --codes {input.codes:q} --field {input.field:q} "
        "--seed {params.seed} --output {output:q} 2> {log:q}"

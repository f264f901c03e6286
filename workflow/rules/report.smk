report: "../report/workflow.rst"


PAGE_DIGIT = config["page"]["digit"]
if PAGE_DIGIT is None:
    PAGE_DIGIT = config["figures"]["surface_digit"]
PAGE_PARTS = "src/latent_transport/evidence/page/assets"
PAGE = f"digit{PAGE_DIGIT}"


rule solve_page_geodesics:
    input:
        model=f"<results>/models/{PAGE}/vae.safetensors",
        codes=f"<results>/models/{PAGE}/codes.safetensors",
        code=code_of("solve_page_geodesics"),
    output:
        "<results>/page/geodesics.safetensors",
    log:
        "<logs>/solve_page_geodesics.log",
    benchmark:
        "<benchmarks>/solve_page_geodesics.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        anchors=config["page"]["anchors"],
        settings=json.dumps(SOLVER_SETTINGS | config["page"]["solver"]),
        seed=config["seed"],
        device=config["device"],
    shell:
        "python -m workflow.scripts.solve_page_geodesics --model {input.model:q} "
        "--codes {input.codes:q} --anchors {params.anchors} "
        "--settings {params.settings:q} --seed {params.seed} --output {output:q} "
        "--threads {threads} --device {params.device:q} 2> {log:q}"


rule build_page:
    input:
        subset=f"<results>/data/{PAGE}.safetensors",
        model=f"<results>/models/{PAGE}/vae.safetensors",
        codes=f"<results>/models/{PAGE}/codes.safetensors",
        field=f"<results>/models/{PAGE}/field.safetensors",
        geodesics=rules.solve_page_geodesics.output,
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
        "python -m workflow.scripts.build_page --digit {params.digit} --classes {input.classes:q} --subset {input.subset:q} "
        "--model {input.model:q} --codes {input.codes:q} --field {input.field:q} "
        "--geodesics {input.geodesics:q} --seed {params.seed} --output {output:q} 2> {log:q}"

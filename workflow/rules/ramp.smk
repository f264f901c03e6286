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

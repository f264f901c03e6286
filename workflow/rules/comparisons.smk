from latent_transport.evidence.keys import FADE, INTERPOLATION, LATENT, LINE, OURS, SEQUENCES

# Rules compare_PART, of what is measured along paths: those with which the others are compared.
REFERENCES = {
    "containment": [LINE, OURS],
    "plausibility": [LINE, FADE, INTERPOLATION, OURS],
    "separation": [OURS],
    "sequences": [LINE, FADE, OURS],
    "statistics": [LATENT],
}
MEASURED = {"plausibility": ["all"], "sequences": SEQUENCES}

for part, references in REFERENCES.items():
    if part not in EVIDENCE_PARTS:
        continue

    rule:
        name:
            f"compare_{part}"
        input:
            tables=expand(
                "<results>/evidence/{part}/{model}.csv",
                part=part,
                model=MEASURED.get(part, MODELS),
            ),
            code=code_of("compare_paths"),
        output:
            summary(part),
        log:
            f"<logs>/compare_{part}.log",
        benchmark:
            f"<benchmarks>/compare_{part}.tsv"
        conda:
            ENVIRONMENT
        params:
            references=references,
            seed=config["seed"],
        shell:
            "python -m workflow.scripts.compare_paths --tables {input.tables:q} "
            "--references {params.references} --seed {params.seed} --output {output:q} 2> {log:q}"

# Adapters are imported late, each by its peer, and so are on no import graph of the script.
PEERS_CODE = sorted(
    {
        file
        for peer in PEERS.values()
        for file in files_of(f"latent_transport.evidence.peers.{peer.module}")
    }.union(code_of("compare_peers"))
)


rule compare_peers:
    input:
        code=PEERS_CODE,
    output:
        "<results>/benchmark/peers.csv",
    log:
        "<logs>/compare_peers.log",
    benchmark:
        "<benchmarks>/compare_peers.tsv"
    conda:
        ENVIRONMENT
    # All cores are taken, so that nothing runs beside a benchmark; each peer uses one.
    threads: lambda wildcards: workflow.cores
    resources:
        mem_mb=growing(12000),
        runtime=growing(240),
    params:
        rounds=config["benchmark"]["rounds"],
    shell:
        "python -m workflow.scripts.compare_peers --rounds {params.rounds} --output {output:q} "
        "2> {log:q}"

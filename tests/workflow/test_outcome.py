"""What a run says at its end: only what is there, and only what is not made yet."""

import re

from sandbox import run_snakemake, write_config
from tiny import SETTINGS, change

from workflow.outcome import describe_outcome


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_run_without_figures_says_nothing(tmp_path):
    put(tmp_path, "results/data/all.safetensors", "results/tables/models.csv")
    assert list(describe_outcome(tmp_path / "results", tmp_path / "paper")) == []


def test_what_is_there_is_named_and_the_rest_is_offered(tmp_path):
    results, paper = tmp_path / "results", tmp_path / "paper"
    put(results, "figures/figure1.pdf", "figures/figure2.pdf", "tables/models.csv")
    text = "\n".join(describe_outcome(results, paper))
    assert f"(figure1, figure2): {results / 'figures'}" in text
    assert f"Tables: {results / 'tables'}" in text
    assert "Manuscript:" not in text
    assert re.findall(r"make (\w+) \(snakemake (\w+)\)", text) == [
        *(("paper", "all"), ("report", "page"), ("benchmark", "benchmark")),
    ]
    put(paper, "optimal-latent-transport.pdf", "figures/figure1.pdf")
    put(results, "page/index.html", "figures/benchmark.pdf")
    text = "\n".join(describe_outcome(results, paper))
    assert f"Manuscript: {paper / 'optimal-latent-transport.pdf'}" in text
    assert f"Interactive page: {results / 'page/index.html'}" in text
    assert "make " not in text


def test_a_run_of_snakemake_ends_with_it(repository):
    config = write_config(repository, change(SETTINGS))
    (repository / "results" / "tiny" / "figures" / "figure3.pdf").unlink()
    done = run_snakemake(repository, "figures", "--cores", "1", "--configfile", config)
    assert done.returncode == 0, done.stdout
    assert "Figures, PDF and PNG (figure1, figure2, figure3, figure4, " in done.stdout
    assert "results/tiny/figures" in done.stdout.partition("Figures, PDF")[2].splitlines()[0]
    assert "make report (snakemake page)" in done.stdout

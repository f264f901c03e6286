"""The target of the zoo: nothing of the paper is needed for it, nor is it for the paper."""

from sandbox import copy_repository, plan, run_snakemake


def test_the_zoo_stands_alone(tmp_path):
    repository = copy_repository(tmp_path / "repository")
    for page in repository.glob("docs/zoo.md"):
        page.unlink()
    chain = {"measure_zoo", "document_zoo", "publish_zoo"}
    assert plan(repository, "zoo") == dict.fromkeys((*chain, "zoo"), 1)
    assert not chain & set(plan(repository))
    # A table that is there already: only its page is made, and put into the docs.
    table = repository / "results/quick/tables/zoo.csv"
    table.parent.mkdir(parents=True)
    columns = "problem,note,dimension,pairs,solver,dtype,converged,worst_error_converged"
    table.write_text(f"{columns}\ncircle,round,2,3,fast,float64,1.0,0.001\n")
    command = ["zoo", "--configfile", "config/quick.yaml"]
    touched = run_snakemake(repository, "measure_zoo", "--touch", *command[1:])
    assert touched.returncode == 0, touched.stdout
    done = run_snakemake(repository, *command)
    assert done.returncode == 0, done.stdout
    assert "| circle | round | 2 | 3 | 1e-3 |" in (repository / "docs/zoo.md").read_text()
    assert "measure_zoo --output" not in done.stdout

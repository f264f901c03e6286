"""The table of what a run cost."""

import pandas as pd
import pytest

from latent_transport.storage import DataError, load_table
from workflow.scripts import tabulate_costs

COLUMNS = ["s", "h:m:s", "max_rss", "cpu_time"]


def write_benchmark(path, seconds, cpu, memory):
    path.parent.mkdir(parents=True, exist_ok=True)
    row = pd.DataFrame([[seconds, "0:00:00", memory, cpu]], columns=COLUMNS)
    row.to_csv(path, sep="\t", index=False)


def tabulate(folder, output):
    tabulate_costs.main(["--benchmarks", str(folder), "--output", str(output)])
    return load_table(output)


def test_jobs_are_summed_by_rule_models_and_geometry(tmp_path, capsys):
    for name, *cost in (
        ("train_vae/digit1.tsv", 60, 30, 500),
        ("train_vae/digit2.tsv", 180, 90, 700),
        ("train_vae/all-seed1.tsv", 240, 600, 900),
        ("solve_geodesics/all/uncertain-density/1-of-1.tsv", 12, 6, 100),
        ("fetch.tsv", 1, "-", "-"),
    ):
        write_benchmark(tmp_path / "benchmarks" / name, *cost)
    table = tabulate(tmp_path / "benchmarks", tmp_path / "costs.csv")
    table[["models", "geometry"]] = table[["models", "geometry"]].fillna("")
    keys = ["rule", "models", "geometry", "jobs"]
    assert table[keys].values.tolist() == [
        ["train_vae", "all", "", 1],
        ["train_vae", "planes", "", 2],
        ["solve_geodesics", "all", "uncertain-density", 1],
        ["fetch", "", "", 1],
    ]
    assert table["cpu_minutes"].tolist() == [10, 2, 0.1, 0]
    assert table["minutes"].tolist()[:3] == [4, 4, 0.2]
    assert table["longest_minutes"][1] == 3
    assert table["peak_memory_mb"][1] == 700
    assert "12 minutes of CPU in 5 jobs" in capsys.readouterr().out


def test_a_folder_without_benchmarks_is_refused(tmp_path):
    with pytest.raises(DataError, match="no benchmarks"):
        tabulate(tmp_path, tmp_path / "costs.csv")

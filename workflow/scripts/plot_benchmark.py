"""Draw the benchmarks: W1, solvers, and many pairs at once."""

import argparse
from collections.abc import Sequence

import pandas as pd

from latent_transport.datasets.classes import read_classes
from latent_transport.evidence.plotting.benchmarks import plot_benchmark
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wasserstein1", required=True, help="table of benchmark_wasserstein1")
    parser.add_argument("--solvers", nargs="+", required=True, help="tables of benchmark_solvers")
    parser.add_argument("--scaling", nargs="+", required=True, help="tables of benchmark_scaling")
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    solvers, scaling = (
        pd.concat([load_table(table) for table in tables], ignore_index=True)
        for tables in (arguments.solvers, arguments.scaling)
    )
    figure = plot_benchmark(
        load_table(arguments.wasserstein1),
        solvers,
        scaling,
        classes=read_classes(arguments.classes),
    )
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)

"""Draw the training curves of every model."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.classes import read_classes
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.evidence.plotting.training import plot_histories
from latent_transport.evidence.vocabulary import model_label
from latent_transport.storage import DataError, load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", required=True, help="names, e.g. digit0 all")
    parser.add_argument(
        "--histories", nargs="+", required=True, help="one history.csv a model, in their order"
    )
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    models, tables = arguments.models, arguments.histories
    if len(tables) != len(models):
        raise DataError(f"--histories names {len(tables)} files for {len(models)} models")
    classes = read_classes(arguments.classes)
    histories = {
        model_label(model, classes): load_table(table)
        for model, table in zip(models, tables, strict=True)
    }
    save_figure(plot_histories(histories), *arguments.output)


if __name__ == "__main__":
    run(main)

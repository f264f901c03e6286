"""Handwritten digits: raw IDX files, where to get them, and the subsets that models learn from."""

from latent_transport.datasets.idx import read_idx, write_idx
from latent_transport.datasets.sources import SOURCES, fetch
from latent_transport.datasets.subsets import Subset, load_subset, make_subset, save_subset

__all__ = [
    "SOURCES",
    "Subset",
    "fetch",
    "load_subset",
    "make_subset",
    "read_idx",
    "save_subset",
    "write_idx",
]

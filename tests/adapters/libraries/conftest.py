"""Tiny models of the real libraries, which `make test_adapters` installs; else all is skipped."""

import warnings
from importlib.util import find_spec

import pytest
import torch

from latent_transport.geodesics.connect import connecting_geodesics

LIBRARIES = ("diffusers", "jax", "lightning", "pythae", "scvi", "sklearn", "stochman")
if any(find_spec(name) is None for name in LIBRARIES):
    collect_ignore_glob = ["test_*.py"]

PAIRS = 50
SHARE = 0.95  # of geodesics that converge


@pytest.fixture(autouse=True)
def same_every_time():
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        yield


@pytest.fixture(scope="session")
def digits():
    """Images (1797, 1, 8, 8) in [0, 1]."""
    from sklearn.datasets import load_digits

    return torch.tensor(load_digits().images / 16, dtype=torch.float32).unsqueeze(1)


@pytest.fixture
def solve():
    """Fifty geodesics between codes (at least 100, d)."""

    def connect(geometry, codes):
        codes = codes.detach().flatten(1)
        paths = connecting_geodesics(geometry, codes[:PAIRS], codes[PAIRS : 2 * PAIRS])
        assert len(paths) == PAIRS
        assert paths.converged.float().mean() >= SHARE
        assert (paths.length > 0).all()
        return paths

    return connect

"""Tests of the kernels run once with PyTorch operations and once with the C library."""

import pytest

from latent_transport.kernels import native
from latent_transport.kernels.dispatch import backend

BUILT = pytest.mark.skipif(native.load() is None, reason="the C kernels were not built")


@pytest.fixture(params=["eager", pytest.param("c", marks=BUILT)])
def implementation(request):
    """Run the test with every implementation that serves a CPU; its name."""
    with backend(request.param):
        yield request.param

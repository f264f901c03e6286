"""The devices on which what may run on a GPU is tested."""

import pytest
import torch

from tests.devices import ON_GPU


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=ON_GPU)])
def device(request) -> torch.device:
    """The CPU, and a GPU where there is one."""
    return torch.device(request.param)

"""What all tests have: devices, and a state of torch that no other test has changed."""

import pytest
import torch
from torch.distributions import Distribution

from tests.devices import ON_GPU


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=ON_GPU)])
def device(request) -> torch.device:
    """The CPU, and a GPU where there is one."""
    return torch.device(request.param)


@pytest.fixture(autouse=True)
def distributions_check_their_arguments():
    """What torch.compile switches off for all that comes after it."""
    before = Distribution._validate_args
    yield
    Distribution.set_default_validate_args(before)

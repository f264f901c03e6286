"""Marks of tests that need a GPU."""

import pytest
import torch

ON_GPU = (
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
)


def needs_gpu(test):
    """Run a test where there is a CUDA device only."""
    for mark in ON_GPU:
        test = mark(test)
    return test

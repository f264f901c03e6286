"""The examples that users copy: README's, and those in docstrings."""

import doctest
import re
from pathlib import Path

import torch

from latent_transport.geodesics import connect

README = Path(__file__).parents[1] / "README.md"


def test_readme_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    example = example.replace("1000", "20")
    names = {}
    torch.manual_seed(0)
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102 - our own text
    assert names["paths"].length.shape == (20,)
    assert names["paths"].converged.all()


def test_docstring_examples_hold():
    assert doctest.testmod(connect).failed == 0

"""The examples that users copy: README's, and those in docstrings."""

import doctest
import re
import subprocess
import sys
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


def test_no_warning_comes_from_the_first_call():
    code = """
import torch
import latent_transport as lt

z0, z1 = torch.zeros(2, 3), torch.ones(2, 3)
geometries = lt.Wasserstein1, lt.Wasserstein2, lt.FisherRao, lt.Euclidean
for geometry in (kind(lambda z: torch.distributions.Normal(z.sin(), 1.0)) for kind in geometries):
    assert lt.connecting_geodesics(geometry, z0, z1).converged.all()
mixture = lt.DiscretizedLogisticMixture
geometry = lt.Wasserstein1(lambda z: mixture(0 * z[..., None], z[..., None], z[..., None].exp()))
lt.connecting_geodesics(geometry, z0, z1)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)

"""The examples in the library's docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

import latent_transport

MODULES = [
    module.name
    for module in pkgutil.walk_packages(latent_transport.__path__, "latent_transport.")
    if not module.name.rpartition(".")[2].startswith("triton_")  # where triton is installed only
]
PEERS = ("finslerax", "geomstats")  # in an environment of their own
# Names that an example takes for given, since another docstring says how they come about.
GIVEN = {
    "latent_transport.kernels.dispatch": dict.fromkeys(("geometry", "z0", "z1"), None)
    | {"connecting_geodesics": lambda *_: None},
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    if name.rpartition(".")[2] in PEERS:
        pytest.importorskip(name.rpartition(".")[2])
    module = importlib.import_module(name)
    done = doctest.testmod(module, extraglobs=GIVEN.get(name), optionflags=doctest.ELLIPSIS)
    assert done.failed == 0


def test_examples_are_found():
    connect = importlib.import_module("latent_transport.geodesics.connect")
    assert doctest.testmod(connect).attempted > 0

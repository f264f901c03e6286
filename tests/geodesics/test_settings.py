"""Settings of the solver: read once, checked, and handed on."""

import pytest
import torch
from torch.distributions import Normal

from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.storage import DataError

GEOMETRY = Wasserstein1(lambda z: Normal(torch.cat((z, z[..., :1].square()), -1), 1.0))
Z0, Z1 = torch.tensor([[-1.0, 0.0]]), torch.tensor([[1.0, 0.5]])


def test_what_the_text_leaves_out_keeps_its_default():
    settings = SolverSettings.parse('{"controls": 5, "tolerance": 0.01}')
    assert settings == SolverSettings(controls=5, tolerance=0.01)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "are no JSON"),
        ("[]", "expected an object with keys among solver, controls"),
        ('{"steps": 3}', "expected an object with keys among"),
        ('{"solver": "newton"}', "solver is 'newton'; expected 'gauss-newton' or 'stochman'"),
        ('{"controls": "8"}', "controls is '8'; expected a whole number"),
        ('{"points": true}', "points is True; expected a whole number"),
        ('{"max_iterations": 2.5}', "max_iterations is 2.5; expected a whole number"),
        ('{"tolerance": "x"}', "tolerance is 'x'; expected a number"),
        ('{"tolerance": 1}', "tolerance is 1; expected a number from 0, below 1"),
    ],
)
def test_what_does_not_fit_is_named(text, match):
    with pytest.raises(DataError, match=match):
        SolverSettings.parse(text)


def test_settings_make_their_solver():
    settings = SolverSettings(max_iterations=7, tolerance=1e-3)
    assert settings.make() == GaussNewton(max_iterations=7, tolerance=1e-3)


@pytest.mark.parametrize("name", ["controls", "points"])
def test_counts_are_numbers_or_auto(name):
    assert getattr(SolverSettings.parse(f'{{"{name}": "auto"}}'), name) == "auto"
    with pytest.raises(
        DataError, match=f'{name} is 1; expected a whole number, . or more, or "auto"'
    ):
        SolverSettings.parse(f'{{"{name}": 1}}')


def test_curves_have_the_controls_of_the_settings_unless_the_call_says_others():
    settings = SolverSettings(controls=5, points=9, max_iterations=2)
    assert settings.connect(GEOMETRY, Z0, Z1).curve.controls.shape == (1, 5, 2)
    assert settings.connect(GEOMETRY, Z0, Z1, controls=3).curve.controls.shape == (1, 3, 2)

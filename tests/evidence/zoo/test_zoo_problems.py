"""What holds for every problem of the zoo."""

import dataclasses

import pytest
import torch

from latent_transport.evidence.zoo.collection import make_zoo
from latent_transport.evidence.zoo.problems import Problem
from latent_transport.geometries.conformal import Conformal

ZOO = make_zoo()


def test_the_zoo_has_animals_of_every_kind():
    assert {problem.kind for problem in ZOO.values()} == {
        *("sphere", "units", "torus", "conjugate", "surface", "saddle", "roll", "cylinder"),
        *("cone", "fold", "valley", "hyperbolic", "family", "normed", "wall", "ridge"),
    }
    assert {problem.dimension for problem in ZOO.values()} >= {2, 3, 5, 10, 20, 50, 100, 1000}
    assert all(name == problem.name for name, problem in ZOO.items())


@pytest.mark.parametrize("name", ZOO)
def test_problems_are_whole(name):
    problem = ZOO[name]
    assert problem.start.shape == problem.end.shape == (problem.pairs, problem.dimension)
    assert problem.distance.shape == (problem.pairs,)
    assert problem.distance.isfinite().all()
    assert {x.dtype for x in (problem.start, problem.end, problem.distance)} == {torch.float64}
    assert problem.note
    assert "\n" not in problem.note
    assert "|" not in problem.name + problem.note  # they stand in a table


@pytest.mark.parametrize("name", ZOO)
def test_geometries_compute_in_the_dtype_of_the_points(name):
    problem = ZOO[name].to(torch.float32)
    assert problem.distance.dtype == torch.float32
    measured = problem.geometry.distance(problem.start, problem.end)
    assert measured.dtype == torch.float32
    assert measured.isfinite().all()


@pytest.mark.parametrize("name", ZOO)
def test_distances_are_at_most_the_length_of_the_straight_latent_line(name):
    problem = ZOO[name]
    t = torch.linspace(0, 1, 301 if problem.dimension == 1000 else 5001, dtype=torch.float64)
    points = torch.lerp(problem.start[:, None], problem.end[:, None], t[:, None])
    line = torch.cat([problem.geometry.curve_length(each[None]) for each in points])
    # Polygons are shorter than their curves, and may be longer only where there is a weight.
    rounding = 1e-3 if isinstance(problem.geometry, Conformal) else 1e-5
    assert (problem.distance <= line * (1 + rounding)).all()


@pytest.mark.parametrize(
    "name", [name for name in ZOO if not isinstance(ZOO[name].geometry, Conformal)]
)
def test_distances_are_at_least_the_chord(name):
    problem = ZOO[name]
    chord = problem.geometry.distance(problem.start, problem.end)
    assert (problem.distance >= chord * (1 - 1e-9)).all()


def test_problems_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ZOO["S^2"].name = "circle"
    assert isinstance(ZOO["S^2"], Problem)

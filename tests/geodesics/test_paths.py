"""Geodesics as a collection: chosen, moved, kept in files, and evaluated."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.paths import Geodesics, load_geodesics
from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geodesics.stochman import StochMan
from latent_transport.geometries.riemannian import FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays
from tests.problems import DOUBLE, make_network

GEOMETRY = Wasserstein1(make_network("normal"))
B = 5


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


@pytest.fixture(scope="module")
def paths():
    return connecting_geodesics(GEOMETRY, draw(B, 2), draw(B, 2, seed=1))


@pytest.fixture(scope="module")
def published():
    """Curves of a solver that has its own."""
    solver = StochMan(max_iterations=5)
    return connecting_geodesics(GEOMETRY, draw(B, 2), draw(B, 2, seed=1), solver=solver, points=8)


T = torch.linspace(0, 1, 4, **DOUBLE)

# --- Chosen curves ---

CHOICES = {
    "one": (3, [3]),
    "the last": (-1, [4]),
    "a number of NumPy's": (np.int64(2), [2]),
    "slice": (slice(1, None, 2), [1, 3]),
    "backwards": (slice(0, 0), []),
    "list": ([4, 0, 0], [4, 0, 0]),
    "empty list": ([], []),
    "tensor": (torch.tensor([2, -2]), [2, 3]),
    "array": (np.array([0, 3]), [0, 3]),
    "mask": (torch.tensor([True, False, False, True, True]), [0, 3, 4]),
    "mask of NumPy's": (np.array([False, True, False, False, False]), [1]),
    "none": (torch.zeros(B, dtype=torch.bool), []),
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("kind", ["paths", "published"])
def test_chosen_curves_are_those_of_all(kind, name, request):
    every = request.getfixturevalue(kind)
    index, rows = CHOICES[name]
    chosen = every[index]
    assert isinstance(chosen, Geodesics)
    assert len(chosen) == len(rows)
    assert torch.equal(chosen(T), every(T)[rows])
    for attribute in ("start", "end", "length", "energy", "converged", "controls", "origin"):
        assert torch.equal(getattr(chosen, attribute), getattr(every, attribute)[rows]), attribute
    history = every.report.energy_history[:, rows]
    assert torch.equal(chosen.report.energy_history, history)
    assert len(chosen.report.outcomes) == len(rows)


def test_iteration_gives_each_curve_once(paths):
    each = list(paths)
    assert len(each) == len(paths) == B
    assert torch.equal(torch.cat([path.length for path in each]), paths.length)
    assert torch.equal(torch.cat([path(T) for path in each]), paths(T))
    bounds = torch.stack(paths.bounds)
    torch.testing.assert_close(torch.cat([torch.stack(x.bounds) for x in each], 1), bounds)


@pytest.mark.parametrize(
    ("index", "error", "match"),
    [
        (5, IndexError, "no curve 5; there are 5, numbered from 0"),
        (-6, IndexError, "no curve -6"),
        ([0, 7], IndexError, r"no curve \[0, 7\]"),
        (torch.ones(4, dtype=torch.bool), IndexError, r"mask has shape \(4,\); expected \(5,\)"),
        (True, IndexError, r"mask has shape \(\)"),
        (torch.zeros(2, 2, dtype=torch.int64), TypeError, "index is a Tensor; expected a whole"),
        (1.0, TypeError, "index is a float"),
        (torch.zeros(0), TypeError, "index is a Tensor"),
        ("a", TypeError, "index is a str"),
        (None, TypeError, "index is a NoneType"),
        ((0, slice(None)), TypeError, "index is a tuple"),
    ],
)
def test_bad_indices_are_named(paths, index, error, match):
    with pytest.raises(error, match=match):
        paths[index]


def test_slices_go_backwards(paths):
    assert torch.equal(paths[::-1].start, paths.start.flip(0))
    assert torch.equal(paths[3:0:-2].length, paths.length[[3, 1]])
    assert len(paths[9:]) == 0


def test_repr_is_a_line(paths):
    assert repr(paths) == (
        f"Geodesics(5 in 2 latent dimensions, {int(paths.converged.sum())} converged, "
        "Wasserstein1, torch.float64 on cpu)"
    )


# --- Parameters ---


@pytest.mark.parametrize("kind", ["paths", "published"])
def test_parameters_of_every_kind(kind, request):
    every = request.getfixturevalue(kind)
    expected = every(T)  # (B, 4, d)
    assert expected.shape == (B, 4, 2)
    for t in (T.numpy(), T.tolist(), tuple(T.tolist())):
        torch.testing.assert_close(every(t), expected)
    third = float(T[1])
    for one in (third, np.float64(third), torch.tensor(third, **DOUBLE), np.array(third)):
        torch.testing.assert_close(every(one), expected[:, 1])
    for end in (1, torch.tensor(1), 1.0):
        torch.testing.assert_close(every(end), every.end)
    own = torch.rand(B, 3, generator=torch.Generator().manual_seed(0), **DOUBLE)
    by_curve = torch.stack([every(row)[i] for i, row in enumerate(own)])
    torch.testing.assert_close(every(own), by_curve)
    torch.testing.assert_close(every(own.numpy()), by_curve)


@pytest.mark.parametrize(
    ("t", "error", "match"),
    [
        (1.5, ValueError, "t reaches from 1.5 to 1.5; the curves run from t = 0 to t = 1"),
        (-0.001, ValueError, "t reaches from -0.001"),
        ([0.0, 2.0], ValueError, "t reaches from 0 to 2"),
        (float("nan"), ValueError, "t reaches from nan"),
        (torch.zeros(3, 2), ValueError, r"t has shape \(3, 2\); .* B = 5, a row for each curve"),
        (torch.zeros(B, 1, 1), ValueError, r"t has shape \(5, 1, 1\)"),
        ("half", TypeError, "t is 'half'; expected a number"),
        (None, TypeError, "t is None; expected a number"),
        (torch.tensor([0.5 + 1j]), TypeError, r"t is tensor\(\[.*expected a number"),
    ],
)
def test_bad_parameters_are_named(paths, t, error, match):
    with pytest.raises(error, match=match):
        paths(t)


def test_no_parameters_give_no_points(paths):
    assert paths([]).shape == (B, 0, 2)
    assert paths(torch.zeros(0)).shape == (B, 0, 2)


def test_rounding_beyond_the_ends_is_forgiven(paths):
    beyond = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    torch.testing.assert_close(paths(beyond), paths.end, rtol=1e-6, atol=1e-6)


# At a knot (1/3 with 8 controls is one) the third derivative jumps; not where we ask.
INSIDE = torch.tensor([0.05, 0.4, 0.77], **DOUBLE)


def test_points_are_differentiable_in_the_parameters(paths):
    t = INSIDE.clone().requires_grad_()
    assert gradcheck(paths, (t,))
    assert gradgradcheck(paths, (t,))
    own = torch.rand(B, 3, generator=torch.Generator().manual_seed(0), **DOUBLE).requires_grad_()
    assert gradcheck(paths, (own,))
    one = torch.tensor(0.3, **DOUBLE, requires_grad=True)
    assert gradcheck(paths, (one,))
    torch.testing.assert_close(paths(t).detach(), paths(INSIDE), rtol=1e-12, atol=1e-12)


def test_derivatives_in_the_parameters_are_the_splines(paths):
    spline = paths.curve
    assert isinstance(spline, CubicSpline)
    ends = torch.tensor([0.0, 0.3, 1.0], **DOUBLE)
    velocity = torch.func.jvp(paths, (ends,), (torch.ones_like(ends),))[1]  # (B, 3, d)
    torch.testing.assert_close(velocity, spline.derivative(ends))
    jacobian = torch.func.jacrev(paths)(ends)  # (B, 3, d, 3)
    torch.testing.assert_close(jacobian.diagonal(dim1=1, dim2=3).mT, velocity)


def test_a_float_is_as_good_as_a_double(paths):
    # Twice the same parameter, once rounded to single precision.
    torch.testing.assert_close(paths(0.1), paths(torch.tensor(0.1, **DOUBLE)), rtol=0, atol=0)


# --- Moved, and kept ---


def test_moved_curves_keep_what_they_are(paths):
    single = paths.to(torch.float32)
    assert single.start.dtype == single.length.dtype == single(T).dtype == torch.float32
    assert single.report.energy_history.dtype == torch.float32
    assert single.report.outcome.dtype == paths.report.outcome.dtype == torch.int64
    assert single.converged.dtype == torch.bool
    torch.testing.assert_close(single(T), paths(T).float())
    meta = paths.to("meta")
    assert meta.length.is_meta
    assert meta.converged.is_meta
    assert meta.length.dtype == torch.float64
    assert paths.length.device.type == "cpu"
    assert paths.to(device="cpu", dtype=torch.float64).length is paths.length
    with pytest.raises(TypeError, match=r"dtype is torch\.int64"):
        paths.to(torch.int64)


def test_moved_curves_of_another_solver(published):
    single = published.to(torch.float32)
    assert single(T).dtype == torch.float32
    torch.testing.assert_close(single(T), published(T).float())


def test_files_keep_every_bit(paths, tmp_path):
    file = tmp_path / "deeper" / "paths.safetensors"
    chosen = paths[1:4]
    chosen.save(file)
    found = load_geodesics(file, GEOMETRY)
    assert torch.equal(found(T), chosen(T))
    assert found.geometry is GEOMETRY
    for attribute in ("start", "end", "length", "energy", "converged", "controls", "points"):
        assert torch.equal(getattr(found, attribute), getattr(chosen, attribute)), attribute
    for name, value in vars(chosen.report).items():
        other = getattr(found.report, name)
        assert torch.equal(other, value) if isinstance(value, torch.Tensor) else other == value
    assert found.report.outcomes == chosen.report.outcomes
    torch.testing.assert_close(torch.stack(found.bounds), torch.stack(chosen.bounds))
    assert repr(found) == repr(chosen)
    again = tmp_path / "again.safetensors"
    Geodesics.load(file, GEOMETRY).save(again)
    assert again.read_bytes() == file.read_bytes()
    paths[:0].save(again)
    assert len(load_geodesics(again, GEOMETRY)) == 0


def test_bad_files_are_named(paths, published, tmp_path):
    file, other = tmp_path / "paths.safetensors", tmp_path / "other.safetensors"
    paths.save(file)
    with pytest.raises(ValueError, match="are of the geometry Wasserstein1, not FisherRao"):
        load_geodesics(file, FisherRao(GEOMETRY.decoder))
    with pytest.raises(TypeError, match="geometry is a function; expected the Geometry"):
        load_geodesics(file, GEOMETRY.decoder)
    with pytest.raises(DataError, match=r"none is missing or not a file: give .* paths\.save"):
        load_geodesics(tmp_path / "none", GEOMETRY)
    save_arrays(other, {"start": np.zeros((1, 2))}, {})
    with pytest.raises(DataError, match=r"has the format None.*paths\.save"):
        load_geodesics(other, GEOMETRY)
    arrays = load_arrays(file)
    del arrays["report.outcome"]
    save_arrays(other, arrays, load_metadata(file))
    with pytest.raises(DataError, match=r"no array 'report\.outcome'"):
        load_geodesics(other, GEOMETRY)
    with pytest.raises(DataError, match="missing"):
        load_geodesics(tmp_path / "none", GEOMETRY)
    with pytest.raises(TypeError, match=r"cubic splines can be saved.*paths\(t\)"):
        published.save(other)


# --- The call ---

FEW = {"controls": 3, "points": 8}


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("gauss-newton", GaussNewton()),
        ("lbfgs", LBFGS()),
        ("adam", Adam()),
        ("stochman", StochMan()),
        (None, GaussNewton()),
    ],
)
def test_names_stand_for_solvers(name, solver):
    ends = draw(2, 2), draw(2, 2, seed=1)
    by_name, by_object = (
        connecting_geodesics(GEOMETRY, *ends, solver=x, **FEW) for x in (name, solver)
    )
    assert torch.equal(by_name(T), by_object(T))
    assert torch.equal(by_name.report.iterations, by_object.report.iterations)


@pytest.mark.parametrize("solver", ["gauss-newton", "lbfgs", "adam", LBFGS()])
def test_progress_is_shown_on_request(solver, capsys):
    ends = draw(2, 2), draw(2, 2, seed=1)
    silent = connecting_geodesics(GEOMETRY, *ends, solver=solver, **FEW)
    assert capsys.readouterr().err == ""
    shown = connecting_geodesics(GEOMETRY, *ends, solver=solver, progress=True, **FEW)
    assert "geodesics: " in capsys.readouterr().err
    assert torch.equal(silent(T), shown(T))


def test_a_label_of_the_users_own_stays(capsys):
    solver = GaussNewton(progress="mine")
    connecting_geodesics(GEOMETRY, draw(2, 2), draw(2, 2, seed=1), solver=solver, progress=True)
    assert "mine: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("solver", "error", "match"),
    [
        ("newton", ValueError, 'solver is \'newton\'; expected one of "gauss-newton", "lbfgs"'),
        (LBFGS, TypeError, r"solver is the class LBFGS; expected an object: LBFGS\(\)"),
        (3, TypeError, r"solver is a int; expected a solver such as GaussNewton\(\)"),
    ],
)
def test_bad_solvers_are_named(solver, error, match):
    with pytest.raises(error, match=match):
        connecting_geodesics(GEOMETRY, draw(2, 2), draw(2, 2), solver=solver)


def test_what_is_no_geometry_is_named():
    network = torch.nn.Linear(2, 3)
    for decoder, name in ((network, "Linear"), (make_network("normal"), "decoder")):
        match = rf"geometry is a {name}; expected a Geometry: wrap the decoder"
        with pytest.raises(TypeError, match=match):
            connecting_geodesics(decoder, draw(2, 2), draw(2, 2))

"""What is asked of a decoder, what is not, and how it is told where it breaks the contract."""

import copy
import subprocess
import sys
import warnings
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.measures import decode_along, measure_curves
from latent_transport.geometries.process import without_validation
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, FAMILIES, make_network


def draw(*shape, seed=0, **like):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)
    return x.to(**like)


Z0, Z1 = draw(4, 2), draw(4, 2, seed=1)
CURVES = torch.lerp(Z0[:, None], Z1[:, None], torch.linspace(0, 1, 9, **DOUBLE)[:, None])
FEW = {"controls": 3, "points": 8}


class Network(nn.Module):
    """A decoder of normals that are 6 variables wide, around some layers 16 wide."""

    def __init__(self, *layers, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            made = (nn.Linear(2, 16), *layers, nn.Tanh(), nn.Linear(16, 6))
            self.net = nn.Sequential(*made).double()

    def forward(self, z):
        return Normal(self.net(z), 1.0)


def make_batch_norm():
    layer = nn.BatchNorm1d(16)
    with torch.no_grad():
        layer.running_mean.copy_(draw(16, seed=5))
        layer.running_var.copy_(1 + draw(16, seed=6).square())
    return layer


MEASURES = {
    "distance": lambda geometry: geometry.distance(Z0, Z1),
    "norm": lambda geometry: geometry.norm(Z0, Z1),
    "tensor": lambda geometry: geometry.tensor(Z0, Z1),
    "volume": lambda geometry: geometry.volume(Z0),
    "segment_lengths": lambda geometry: geometry.segment_lengths(CURVES),
    "curve_length": lambda geometry: geometry.curve_length(CURVES),
    "curve_energy": lambda geometry: geometry.curve_energy(CURVES),
    "measure_curves": lambda geometry: torch.stack(measure_curves(geometry, CURVES)),
    "graph": lambda geometry: NeighbourGraph(
        geometry, torch.cat((Z0, Z1)), neighbours=3
    ).shortest_paths(Z0, Z1, 9),
}
SOLVERS = {"default": None, "lbfgs": LBFGS(), "adam": Adam(max_iterations=15)}
SOLVES = {
    name: lambda geometry, solver=solver: (
        connecting_geodesics(geometry, Z0, Z1, solver=solver, **FEW).length
    )
    for name, solver in SOLVERS.items()
}
CALLS = MEASURES | SOLVES


def make_conformal(decoder):
    return Conformal(Wasserstein1(decoder), lambda z: -z.square().sum(-1), 0.3)


GEOMETRIES = [Wasserstein1, Wasserstein2, Euclidean, FisherRao, make_conformal]


# --- Modes in which torch keeps no gradients ---


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_modes_without_gradients_change_nothing(call, frozen, mode):
    decoder = Network().requires_grad_(not frozen)
    expected = CALLS[call](Wasserstein1(decoder)).detach()
    with mode():
        found = CALLS[call](Wasserstein1(decoder))
        assert torch.equal(found, expected)
        assert not found.requires_grad


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_modes_without_gradients_change_nothing_in_any_geometry(mode, geometry):
    geometry = geometry(make_network("normal"))
    calls = [CALLS[name] for name in ("default", "norm", "tensor", "volume")]
    expected = [call(geometry) for call in calls]
    with mode():
        for call, value in zip(calls, expected, strict=True):
            assert torch.equal(call(geometry), value)


def test_points_made_in_inference_mode_are_solved_between():
    geometry = Wasserstein1(make_network("normal"))
    with torch.inference_mode():
        z0, z1 = Z0 + 0, Z1 + 0
        inside = connecting_geodesics(geometry, z0, z1, **FEW)
    outside = connecting_geodesics(geometry, z0, z1, **FEW)
    assert torch.equal(inside.length, outside.length)
    assert torch.equal(geometry.norm(z0, z1), geometry.norm(Z0, Z1))
    assert torch.equal(geometry.tensor(z0, z1), geometry.tensor(Z0, Z1))


def test_models_made_in_inference_mode_are_told_what_to_do():
    with torch.inference_mode():
        decoder = Network()
    with pytest.raises(RuntimeError, match=r"(?s)nference tensor") as caught:
        connecting_geodesics(Wasserstein1(decoder), Z0, Z1, solver=LBFGS())
    assert "make it outside, or under torch.no_grad()" in "".join(caught.value.__notes__)


def test_stochman_solves_without_gradients():
    pytest.importorskip("stochman")
    from latent_transport.geodesics.stochman import StochMan

    geometry, solver = Wasserstein1(Network()), StochMan(max_iterations=5)
    expected = connecting_geodesics(geometry, Z0, Z1, solver=solver, points=8).length
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = connecting_geodesics(geometry, Z0, Z1, solver=solver, points=8).length
        assert torch.equal(found, expected)


# --- Leading dimensions ---


@pytest.mark.parametrize("width", [8, 9, 16])  # as many as points on a curve, and others
def test_batch_norm_in_eval_mode_is_an_affine_layer(width):
    norm = make_batch_norm()
    affine = nn.Linear(16, 16)
    with torch.no_grad():
        scale = (norm.running_var + norm.eps).rsqrt()
        affine.weight.copy_(scale.diag())
        affine.bias.copy_(-norm.running_mean * scale)
    narrow = {"controls": 3, "points": width}
    lengths = [
        connecting_geodesics(Wasserstein1(Network(layer).eval()), Z0, Z1, **narrow).length
        for layer in (norm, affine)
    ]
    torch.testing.assert_close(*lengths, rtol=1e-6, atol=0)
    curves = CURVES[:, :width]
    by_norm, by_affine = (Wasserstein1(Network(x).eval()) for x in (norm, affine))
    torch.testing.assert_close(
        by_norm.segment_lengths(curves), by_affine.segment_lengths(curves), rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3), (2, 0), (2, 1, 3)])
def test_decoders_get_a_matrix_and_give_what_they_would(shape, family):
    network, shapes = make_network(family), []

    def strict(z):
        shapes.append(tuple(z.shape))
        assert z.ndim == 2
        return network(z)

    z = draw(*shape, 2)
    geometry = Wasserstein1(strict)
    p = geometry.decode(z)
    with without_validation():  # torch's own checks fail where there are no points
        direct = p.family.coordinates(network(z))
    torch.testing.assert_close(p.coordinates, direct, rtol=1e-13, atol=1e-13)
    at, jacobian = geometry.decode_with_jacobian(z)
    assert at.coordinates.shape == direct.shape
    assert jacobian.coordinates.shape == (2, *direct.shape)
    assert set(shapes) == {(z[..., 0].numel(), 2)}


def test_densities_get_a_matrix():
    shapes = set()

    def log_density(z):
        shapes.add(z.ndim)
        return -torch.einsum("md,md->m", z, z)

    geometry = Conformal(LatentEuclidean(), log_density, 0.5)
    free = Conformal(LatentEuclidean(), lambda z: -z.square().sum(-1), 0.5)
    for measure in ("curve_length", "volume"):
        found, expected = (getattr(x, measure)(CURVES) for x in (geometry, free))
        torch.testing.assert_close(found, expected)
    found, expected = (connecting_geodesics(x, Z0, Z1, **FEW).length for x in (geometry, free))
    torch.testing.assert_close(found, expected)
    assert shapes == {2}


def test_means_along_curves_come_from_a_matrix():
    parameters = torch.tensor([0.0, 0.3, 1.0], **DOUBLE).expand(4, -1)
    plain, normed = Network(nn.Identity()), Network(make_batch_norm()).eval()
    found = decode_along(plain, CURVES, parameters)
    torch.testing.assert_close(found[:, [0, -1]], plain(CURVES[:, [0, -1]]).mean)
    assert decode_along(normed, CURVES, parameters).shape == (4, 3, 6)


# --- Train mode, randomness, companions ---


def reach_directly(decoder):
    return decoder


def reach_by_method(decoder):
    return decoder.forward


def reach_by_partial(decoder):
    return partial(lambda net, z: net(z), decoder)


def reach_by_closure(decoder):
    return lambda z: decoder(z)


REACHES = [reach_directly, reach_by_method, reach_by_partial, reach_by_closure]
LAYERS = {
    "batch norm": make_batch_norm,
    "dropout": partial(nn.Dropout, 0.3),
    "alpha dropout": partial(nn.AlphaDropout, 0.3),
}
EACH_ONCE = [
    *((call, layer, reach_directly) for call in CALLS for layer in LAYERS),
    *((call, "batch norm", reach) for call in ("default", "norm") for reach in REACHES[1:]),
]


@pytest.mark.parametrize(("call", "layer", "reach"), EACH_ONCE)
def test_train_mode_is_refused_and_changes_nothing(call, layer, reach):
    decoder = Network(LAYERS[layer]())
    before, noise = copy.deepcopy(decoder.state_dict()), torch.get_rng_state()
    with pytest.raises(ValueError, match=r"in train mode.*call decoder.eval\(\)"):
        CALLS[call](Wasserstein1(reach(decoder)))
    after = decoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(noise, torch.get_rng_state())
    assert not nn.modules.module._global_forward_pre_hooks
    decoder.eval()
    CALLS[call](Wasserstein1(reach(decoder)))


@pytest.mark.parametrize(
    "layer",
    [
        nn.RReLU(),
        nn.InstanceNorm1d(16, track_running_stats=True),
        nn.MultiheadAttention(16, 2, dropout=0.1),
        nn.GRU(16, 16, num_layers=2, dropout=0.1),
    ],
)
def test_other_layers_in_train_mode_are_named(layer):
    decoder = Network(layer)
    with pytest.raises(ValueError, match=f"train mode, in which its {type(layer).__name__} "):
        Wasserstein1(decoder).distance(Z0, Z1)


def test_train_mode_without_such_layers_is_no_matter():
    layers = [nn.LayerNorm(16), nn.Dropout(0.0), nn.BatchNorm1d(16).eval()]
    decoder = Network(*layers)
    assert decoder.training
    decoder.net[3].eval()
    assert connecting_geodesics(Wasserstein1(decoder), Z0, Z1, **FEW).converged.all()


def test_a_module_in_train_mode_beside_the_decoder_is_no_matter():
    model = nn.ModuleDict({"encoder": nn.Dropout(0.5), "decoder": Network().eval()})
    assert model["encoder"].training
    geometry = Wasserstein1(lambda z: model["decoder"](z))
    assert (geometry.distance(Z0, Z1) > 0).all()


def sample(z):
    return Normal(z + 1e-2 * torch.randn_like(z), 1.0)


def drop(z):
    return Normal(F.dropout(torch.cat([z] * 20, -1), 0.5), 1.0)


def centre(z):
    return Normal(z - 0.1 * z.mean(0), 1.0)


def compare_with_first(z):
    return Normal(z - 0.1 * z[:1], 1.0)


def compare_with_last(z):
    return Normal(z - 0.1 * z[-1:], 1.0)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("decoder", [sample, drop])
def test_random_decoders_are_refused(decoder, call):
    with pytest.raises(ValueError, match=r"decoder is random.*call decoder.eval\(\)"):
        CALLS[call](Wasserstein1(decoder))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("decoder", [centre, compare_with_first, compare_with_last])
def test_decoders_that_mix_points_are_refused(decoder, call):
    with pytest.raises(ValueError, match="decoder mixes the points of a batch"):
        CALLS[call](Wasserstein1(decoder))


def test_a_single_pair_tells_that_points_are_mixed():
    with pytest.raises(ValueError, match="decoder mixes the points of a batch"):
        connecting_geodesics(Wasserstein1(centre), Z0[0], Z1[0])


def test_densities_that_mix_points_are_refused():
    geometry = Conformal(LatentEuclidean(), lambda z: -(z - z.mean(0)).square().sum(-1), 1.0)
    with pytest.raises(ValueError, match="mixes the points of a batch"):
        connecting_geodesics(geometry, Z0, Z1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("width", [64, 1024])
def test_rounding_is_no_mixing(width, dtype):
    net = nn.Sequential(
        nn.Linear(2, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 300)
    ).to(dtype)
    z = 3 * draw(64, 2, dtype=dtype)
    for decode in (net, lambda z: 1e4 + net(z), lambda z: 1e-4 * net(z)):
        geometry = Wasserstein1(lambda z, decode=decode: Normal(decode(z), 1.0))
        for i in range(32):
            geometry.check_decoder(z[i], z[63 - i])


def test_a_decoder_that_computes_in_bfloat16_is_no_mixing():
    net = nn.Sequential(nn.Linear(2, 256), nn.Tanh(), nn.Linear(256, 50)).bfloat16()
    geometry = Wasserstein1(lambda z: Normal(net(z.bfloat16()).float(), 1.0))
    z = draw(64, 2, dtype=torch.float32)
    for i in range(32):
        geometry.check_decoder(z[i], z[63 - i])


# --- Gauss-Newton and what it falls back to ---


class _ReverseOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z + z**3

    @staticmethod
    def backward(ctx, grad):
        (z,) = ctx.saved_tensors
        return grad * (1 + 3 * z**2)


@pytest.mark.parametrize("most", [1, 300])
def test_a_decoder_without_forward_mode_is_solved_with_the_users_settings(most):
    geometry = Wasserstein1(lambda z: Normal(torch.cat((_ReverseOnly.apply(z), z**2), -1), 1.0))
    solver = GaussNewton(max_iterations=most, tolerance=1e-11, memory=2**16)
    found = connecting_geodesics(geometry, Z0, Z1, solver=solver, controls=8, points=32)
    assert found.report.iterations.max() <= most
    assert found.converged.all() == (most == 300)
    alike = Wasserstein1(lambda z: Normal(torch.cat((z + z**3, z**2), -1), 1.0))
    expected = connecting_geodesics(alike, Z0, Z1, solver=solver, controls=8, points=32)
    assert most == 1 or torch.allclose(found.length, expected.length, rtol=1e-5)


class Attention(nn.Module):
    """A decoder of four tokens, 8 wide, that attend to each other."""

    def __init__(self):
        super().__init__()
        self.inner, self.mix, self.outer = nn.Linear(2, 32), nn.Linear(8, 24), nn.Linear(32, 10)

    def forward(self, z):
        tokens = self.mix(self.inner(z).unflatten(-1, (4, 8)))  # (M, 4, 24)
        query, key, value = (x.unsqueeze(1) for x in tokens.chunk(3, -1))
        return Normal(self.outer(F.scaled_dot_product_attention(query, key, value).flatten(1)), 1.0)


class Transformer(nn.Module):
    """The same by torch's own layer, which has a fused path of its own."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.inner, self.mix, self.outer = nn.Linear(2, 32), layer, nn.Linear(32, 10)

    def forward(self, z):
        return Normal(self.outer(self.mix(self.inner(z).unflatten(-1, (4, 8))).flatten(1)), 1.0)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("make", [Attention, Transformer])
def test_attention_is_solved_by_gauss_newton(make, frozen):
    torch.manual_seed(0)
    decoder = make().double().eval().requires_grad_(not frozen)
    geometry = Wasserstein1(decoder)
    fast = torch.backends.mha.get_fastpath_enabled()
    kernels = torch.backends.cuda.flash_sdp_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no fallback
        found = connecting_geodesics(geometry, Z0, Z1, **FEW)
    assert found.converged.all()
    expected = connecting_geodesics(geometry, Z0, Z1, solver=LBFGS(tolerance=1e-8), **FEW)
    torch.testing.assert_close(found.length, expected.length, rtol=1e-3, atol=0)
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert torch.backends.cuda.flash_sdp_enabled() == kernels
    step = 1e-6 * Z1
    slope = (geometry.distance(Z0, Z0 + step) / 1e-6).detach()
    torch.testing.assert_close(geometry.norm(Z0, Z1).detach(), slope, rtol=1e-4, atol=0)


# --- Dtypes ---


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_half_precision_is_refused(geometry, dtype):
    geometry = geometry(lambda z: Normal(z, 1.0))
    assert isinstance(geometry, Geometry)
    z = Z0.to(dtype)
    match = f"{dtype} on cpu.*expected torch.float32 or torch.float64: convert"
    for call in (
        lambda: connecting_geodesics(geometry, z, z + 1),
        lambda: geometry.distance(z, z),
        lambda: geometry.norm(z, z),
        lambda: geometry.tensor(z, z),
        lambda: geometry.volume(z),
        lambda: geometry.curve_length(CURVES.to(dtype)),
        lambda: NeighbourGraph(geometry, z),
    ):
        with pytest.raises(TypeError, match=match):
            call()


# --- Warnings ---

QUIET = """
import pkgutil, importlib, torch, latent_transport as lt
for found in pkgutil.walk_packages(lt.__path__, "latent_transport."):
    if not found.name.startswith({skipped}):
        importlib.import_module(found.name)
solver = {solver}
network = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 5))
z0, z1 = torch.randn(2, 3, 2)
for make in (lt.Wasserstein1, lt.Wasserstein2, lt.Euclidean, lt.FisherRao):
    geometry = make(lambda z: torch.distributions.Normal(network(z), 1.0))
    for each in (geometry, lt.Conformal(geometry, lambda z: -z.square().sum(-1), 0.1)):
        lt.connecting_geodesics(each, z0, z1, solver=solver, points=8, controls=3).length
        each.volume(z0), each.tensor(z0, z1), each.norm(z0, z1), each.distance(z0, z1)
"""


@pytest.mark.parametrize("solver", ["None", "lt.LBFGS()", "lt.Adam(max_iterations=12)"])
def test_nothing_of_ours_warns(solver):
    # What others' packages say at their import is not ours.
    skipped = (
        "latent_transport.evidence",
        "latent_transport.geodesics.stochman",
        "latent_transport.kernels.triton",
    )
    code = QUIET.format(solver=solver, skipped=skipped)
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""

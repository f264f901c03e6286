"""What holds of every geometry; a new one is tested by a line in CASES."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_transport.geometries.base import Geometry
from latent_transport.geometries.combined import Combined
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.metric import LatentMetric
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.densities import AggregatePosterior
from tests.problems import DOUBLE, FAMILIES, make_network

Make = Callable[..., Geometry]  # of the dtype and device, by keyword


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def pull_back(geometry: type[Geometry], families: Iterable[str]) -> dict[str, Make]:
    """The geometry of small random decoders, one of each family."""

    def make(family: str, **like) -> Geometry:
        return geometry(make_network(family, **like))

    return {f"{geometry.__name__}-{family}": partial(make, family) for family in families}


def weigh(cases: dict[str, Make]) -> dict[str, Make]:
    """Conformal geometries of others, longer where codes are rare."""

    def make(base: Make, **like) -> Geometry:
        like = DOUBLE | like
        codes, scale = draw(30, 2).to(**like), 0.3 * draw(30, 2, seed=3).abs().to(**like)
        density = AggregatePosterior(codes, scale, 0.4)
        return Conformal(base(**like), density, 0.7, reference=-0.4)

    return {f"Conformal-{name}": partial(make, base) for name, base in cases.items()}


def make_metric(**like) -> Geometry:
    eye = torch.eye(2).to(**DOUBLE | like)

    def metric(z: torch.Tensor) -> torch.Tensor:
        return (
            eye * (1 + z.square().sum(-1))[:, None, None] + z.sin()[:, :, None] * z.sin()[:, None]
        )

    return LatentMetric(metric)


def make_latent(**like) -> Geometry:
    return LatentEuclidean()


def add(names: Iterable[str], weights: Sequence[float] | None = None) -> Make:
    """The sum of geometries that are cases themselves."""

    def make(**like) -> Geometry:
        return Combined([CASES[name](**like) for name in names], weights)

    return make


def add_two_of_one_decoder(**like) -> Geometry:
    decoder = make_network("normal", **like)
    return Combined([Wasserstein1(decoder), Euclidean(decoder), LatentEuclidean()], [1, 0.5, 9])


RIEMANNIAN = {
    **pull_back(Wasserstein2, ["normal", "logistic"]),
    **pull_back(Euclidean, FAMILIES),
    **pull_back(FisherRao, FAMILIES[:-1]),
    "LatentEuclidean": make_latent,
    "LatentMetric": make_metric,
}
LOGISTIC = {
    name: make
    for name, make in (pull_back(Wasserstein1, ["logistic"]) | RIEMANNIAN).items()
    if name.endswith(("-logistic", "LatentEuclidean"))
}
WEIGHTED = weigh(LOGISTIC) | weigh(weigh({"LatentEuclidean": make_latent}))
CASES = pull_back(Wasserstein1, FAMILIES) | RIEMANNIAN | WEIGHTED
# Sums: of one decoder and the latent space, of decoders of several families, of and in weights.
CASES["Combined"] = add_two_of_one_decoder
CASES["Combined-riemannian"] = add(["Euclidean-mixture", "Wasserstein2-normal"], [0.1, 1])
CASES["Combined-families"] = add(["Wasserstein1-mixture", "Wasserstein1-normal", "LatentEuclidean"])
RIEMANNIAN["Combined-riemannian"] = CASES["Combined-riemannian"]
WEIGHTED["Combined-weighted"] = add(
    ["Conformal-Wasserstein2-logistic", "Conformal-Conformal-LatentEuclidean"], [0.2, 1]
)
WEIGHTED |= weigh(
    {"Combined": CASES["Combined"], "Combined-weighted": WEIGHTED["Combined-weighted"]}
)
CASES |= WEIGHTED
# Elsewhere a distance is a midpoint rule, for neighbours on a curve only.
METRICS = sorted(set(CASES) - set(WEIGHTED) - {"FisherRao-logistic", "LatentMetric"})
WITHOUT_DIRECTION = sorted(RIEMANNIAN) + [
    name for name in WEIGHTED if not name.endswith(("Wasserstein1-logistic", "-Combined"))
]
MEASURES = ("segment_lengths", "curve_length", "curve_energy", "volume")
every_geometry = pytest.mark.parametrize("case", CASES)


@every_geometry
def test_distance_is_symmetric_and_zero_for_equals(case):
    geometry, z0, z1 = CASES[case](), draw(5, 2), draw(5, 2, seed=1)
    distance = geometry.distance(z0, z1)
    assert (distance > 0).all()
    torch.testing.assert_close(geometry.distance(z1, z0), distance)
    assert (geometry.distance(z0, z0) == 0).all()


@every_geometry
def test_norm_is_the_limit_of_distances(case):
    geometry, z, v = CASES[case](), draw(5, 2), draw(5, 2, seed=1)
    norm = geometry.norm(z, v)
    errors = [
        (geometry.distance(z, z + eps * v) / eps / norm - 1).abs().max() for eps in (1e-2, 1e-4)
    ]
    assert errors[0] < 0.1
    assert errors[1] < 2e-3


@every_geometry
def test_norm_is_reversible_homogeneous_and_subadditive(case):
    geometry = CASES[case]()
    z, v, w = draw(5, 2), draw(5, 2, seed=1), draw(5, 2, seed=2)
    norm = geometry.norm(z, v)
    torch.testing.assert_close(geometry.norm(z, -v), norm, rtol=1e-6, atol=0)
    torch.testing.assert_close(geometry.norm(z, 3 * v), 3 * norm, rtol=1e-6, atol=0)
    assert (geometry.norm(z, v + w) <= norm + geometry.norm(z, w) + 1e-6).all()
    assert (geometry.norm(z, 0 * v) == 0).all()


@every_geometry
def test_tensor_is_the_gradient_of_half_the_squared_norm(case):
    geometry, z, v = CASES[case](), draw(5, 2), draw(5, 2, seed=1)
    tensor = geometry.tensor(z, v)
    torch.testing.assert_close(tensor, tensor.mT)
    norm = geometry.norm(z, v)
    square = torch.einsum("bi,bij,bj->b", v, tensor, v)
    torch.testing.assert_close(square, norm.square(), rtol=1e-6, atol=1e-6)
    eps = 1e-5
    gradient = torch.stack(
        [
            (geometry.norm(z, v + eps * e).square() - geometry.norm(z, v - eps * e).square())
            / (4 * eps)
            for e in torch.eye(2, **DOUBLE)
        ],
        -1,
    )
    expected = torch.einsum("bij,bj->bi", tensor, v)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-3 * norm.max() ** 2)


@pytest.mark.parametrize("case", WITHOUT_DIRECTION)
def test_tensor_of_a_riemannian_geometry_knows_no_direction(case):
    geometry = CASES[case]()
    z, v, w = draw(4, 2), draw(4, 2, seed=1), draw(4, 2, seed=2)
    tensor = geometry.tensor(z, v)
    torch.testing.assert_close(geometry.tensor(z, w), tensor)
    torch.testing.assert_close(geometry.tensor(z), tensor)
    torch.testing.assert_close(geometry.volume(z), tensor.det().sqrt())


def test_a_tensor_that_knows_directions_asks_for_one():
    geometry = CASES["Wasserstein1-normal"]()
    with pytest.raises(TypeError, match=r"Wasserstein1 depends on the direction; give direc"):
        geometry.tensor(draw(4, 2))


@given(
    case=st.sampled_from(METRICS),
    seed=st.integers(0, 10_000),
    extra=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_refinement_never_shortens_a_polygon(case, seed, extra):
    geometry = CASES[case]()
    corners = draw(1, 4, 2, seed=seed)
    t = torch.tensor(sorted({0.0, 1.0, *extra}), **DOUBLE)[:, None]
    pieces = [torch.lerp(a, b, t) for a, b in zip(corners[0], corners[0, 1:], strict=False)]
    coarse, fine = geometry.curve_length(corners), geometry.curve_length(torch.cat(pieces)[None])
    assert fine >= coarse * (1 - 1e-6) - 1e-6
    ends = geometry.distance(corners[:, 0], corners[:, -1])
    assert coarse >= ends * (1 - 1e-6) - 1e-6


@every_geometry
def test_energy_is_at_least_the_squared_length(case):
    geometry, points = CASES[case](), draw(4, 12, 2)
    length = geometry.curve_length(points)
    assert (geometry.curve_energy(points) >= length**2).all()
    torch.testing.assert_close(geometry.segment_lengths(points).sum(-1), length)


@every_geometry
def test_length_has_finite_gradients_where_points_coincide(case):
    points = draw(2, 5, 2)
    points[:, 2] = points[:, 1]
    points.requires_grad_()
    geometry = CASES[case]()
    for measure in (geometry.curve_length, geometry.curve_energy):
        (gradient,) = torch.autograd.grad(measure(points).sum(), points)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0


@every_geometry
def test_gradients_match_finite_differences(case):
    geometry, points = CASES[case](), draw(2, 4, 2).requires_grad_()
    # The kinks of W1 are in the way of smaller errors.
    options = {"eps": 1e-6, "rtol": 1e-3, "atol": 1e-3}
    for measure in (geometry.curve_length, geometry.curve_energy):
        assert torch.autograd.gradcheck(measure, points, **options)
    ends = tuple(draw(2, 3, 2, seed=1).requires_grad_().unbind())
    assert torch.autograd.gradcheck(geometry.distance, ends, **options)


@every_geometry
def test_points_of_a_batch_do_not_mix(case):
    geometry, z, v = CASES[case](), draw(4, 2), draw(4, 2, seed=1)
    for measure in (geometry.distance, geometry.norm, geometry.tensor):
        one_by_one = torch.stack([measure(z[i], v[i]) for i in range(4)])
        torch.testing.assert_close(measure(z, v), one_by_one)
    points = draw(3, 5, 2)
    for name in MEASURES:
        measure = getattr(geometry, name)
        one_by_one = torch.stack([measure(each) for each in points])
        torch.testing.assert_close(measure(points), one_by_one)


@every_geometry
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_leading_shapes_on_any_device(case, shape, device):
    geometry = CASES[case](device=device)
    z, v = draw(*shape, 2).to(device), draw(*shape, 2, seed=1).to(device)
    copies = z.clone(), v.clone()
    assert geometry.distance(z, v).shape == shape
    assert geometry.norm(z, v).shape == shape
    assert geometry.tensor(z, v).shape == (*shape, 2, 2)
    assert geometry.volume(z).shape == shape
    points = torch.stack((z, v, z), -2)
    assert geometry.curve_length(points).shape == shape
    assert geometry.curve_energy(points).shape == shape
    assert geometry.segment_lengths(points).shape == (*shape, 2)
    p, jacobian = geometry.decode_with_jacobian(z)
    assert p.family is jacobian.family
    assert [x.shape for x in jacobian.tensors] == [(2, *x.shape) for x in p.tensors]
    assert p.coordinates.shape[:-2] == shape
    if device == "cpu":
        assert torch.equal(z, copies[0])  # arguments are left as they are
        assert torch.equal(v, copies[1])


@every_geometry
def test_single_precision_agrees_with_double(case):
    double, single = CASES[case](), CASES[case](dtype=torch.float32)
    points, v = draw(2, 8, 2), draw(2, 8, 2, seed=1)
    for measure in MEASURES:
        found = getattr(single, measure)(points.float())
        assert found.dtype == torch.float32
        torch.testing.assert_close(
            found.double(), getattr(double, measure)(points), rtol=1e-4, atol=1e-4
        )
    found = single.norm(points.float(), v.float()).double()
    torch.testing.assert_close(found, double.norm(points, v), rtol=1e-4, atol=1e-4)


@every_geometry
@pytest.mark.parametrize("measure", ["distance", "norm", "tensor"])
def test_bad_points_are_refused_by_name(case, measure):
    geometry, good = CASES[case](), draw(3, 2)
    names = ("z0", "z1") if measure == "distance" else ("z", "v")
    bad = (
        (good.long(), TypeError, "is a torch.int64; expected a floating-point tensor"),
        (good / 0, ValueError, "has entries that are not finite"),
        (good[:, :0], ValueError, r"has shape \(3, 0\); expected"),
    )
    for points, error, match in bad:
        for place, name in enumerate(names):
            arguments = (points, good) if place == 0 else (good, points)
            with pytest.raises(error, match=f"^{name} {match}"):
                getattr(geometry, measure)(*arguments)
    with pytest.raises(ValueError, match=rf"{names[0]} has shape \(3, 2\), {names[1]} \(3, 1\)"):
        getattr(geometry, measure)(good, good[:, :1])


@every_geometry
def test_decoded_points_are_counted_and_chosen(case):
    p = CASES[case]().decode(draw(3, 5, 2))
    assert p.numel() * p.element_size() == 8 * sum(x.numel() for x in p.tensors)
    assert p.variables == p.coordinates.shape[-1]
    for chosen, index in ((p[:, 1:], (slice(None), slice(1, None))), (p[..., -1], (..., -1))):
        assert chosen.family is p.family
        for found, whole in zip(chosen.tensors, p.tensors, strict=True):
            assert torch.equal(found, whole[(*index, slice(None), slice(None))])
    assert bool(p.log_weights) == (case in WEIGHTED)

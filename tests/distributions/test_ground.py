"""W1 of classes under ground distances against POT's linear program, and what is refused."""

import math

import networkx as nx
import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import shortest_path
from torch.distributions import Categorical, Normal, OneHotCategorical

import latent_transport as lt
from latent_transport.distributions.ground import Polytope, make_ground
from latent_transport.distributions.registry import family_of
from tests.problems import DOUBLE


def draw_tree(rng, nodes):
    """Parents and lengths of a random tree whose nodes are in no order."""
    places = rng.permutation(nodes)
    parents = np.full(nodes, -1)
    for node in range(1, nodes):
        parents[places[node]] = places[rng.integers(0, node)]
    return parents.tolist(), rng.uniform(0.1, 2, nodes)


def tree_distances(parents, lengths, classes):
    graph = nx.Graph()
    graph.add_nodes_from(range(len(parents)))
    for node, parent in enumerate(parents):
        if parent >= 0:
            graph.add_edge(node, parent, weight=lengths[node])
    found = dict(nx.all_pairs_dijkstra_path_length(graph))
    return np.array([[found[i][j] for j in range(classes)] for i in range(classes)], dtype=float)


def draw_metric(rng, classes, *, whole=False):
    if whole:
        cost = np.triu(rng.integers(1, 4, (classes, classes)).astype(float), 1)
        return shortest_path(cost + cost.T)
    points = rng.normal(size=(classes, 3))
    return np.linalg.norm(points[:, None] - points, axis=-1)


def draw_pairs(rng, classes, count=5):
    return rng.dirichlet(np.full(classes, 0.5), (2, count))


def measure(p, q, ground, **like):
    first, second = (Categorical(torch.tensor(x, **like)) for x in (p, q))
    return lt.wasserstein1(first, second, ground=ground)


def solve_programs(p, q, cost):
    return [ot.emd2(a / a.sum(), b / b.sum(), cost) for a, b in zip(p, q, strict=True)]


@given(seed=st.integers(0, 10_000), classes=st.integers(1, 12), inner=st.integers(0, 12))
@settings(deadline=None, max_examples=40)
def test_trees_match_the_linear_program(seed, classes, inner):
    rng = np.random.default_rng(seed)
    parents, lengths = draw_tree(rng, classes + inner)
    cost = tree_distances(parents, lengths, classes)
    p, q = draw_pairs(rng, classes)
    expected = solve_programs(p, q, cost) if classes > 1 else [0.0] * 5
    found = measure(p, q, lt.Tree(parents, lengths))
    assert found.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    # The distances alone tell the tree.
    ground = make_ground(cost)
    assert isinstance(ground, lt.Tree)
    assert measure(p, q, ground).tolist() == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 8), whole=st.booleans())
@settings(deadline=None, max_examples=40)
def test_few_classes_match_the_linear_program(seed, classes, whole):
    rng = np.random.default_rng(seed)
    cost = draw_metric(rng, classes, whole=whole)
    p, q = draw_pairs(rng, classes)
    expected = pytest.approx(solve_programs(p, q, cost), rel=1e-9, abs=1e-12)
    assert measure(p, q, cost).tolist() == expected
    if classes > 2:  # trees among them
        assert Polytope(cost).measure(torch.tensor(p - q).mT).tolist() == expected


@pytest.mark.parametrize("kind", ["line", "tree", "plane", "flat"])
def test_distances_in_single_precision(kind):
    """Rounding breaks the triangle inequality where it is an equation."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        classes = 8 if kind in ("plane", "flat") else 30
        if kind == "tree":
            cost = tree_distances(*draw_tree(rng, 60), classes)
        elif kind == "line":
            cost = np.abs(np.subtract.outer(*[rng.normal(size=classes)] * 2))
        else:
            points = (
                rng.normal(size=(classes, 2)) if kind == "plane" else rng.random((8, 2)).round(1)
            )
            points[0] += 0.01
            points = np.unique(points, axis=0)
            cost = np.abs(points[:, None] - points).sum(-1)
        p, q = draw_pairs(rng, len(cost))
        found = measure(p, q, torch.tensor(cost, dtype=torch.float32))
        np.testing.assert_allclose(found, solve_programs(p, q, cost), rtol=2e-6)


def test_many_classes_on_a_line_are_ordered():
    rng = np.random.default_rng(0)
    places = np.sort(rng.uniform(0, 9, 300))
    p, q = draw_pairs(rng, 300)
    expected = [ot.wasserstein_1d(places, places, a, b) for a, b in zip(p, q, strict=True)]
    found = measure(p, q, torch.tensor(np.abs(places[:, None] - places)))
    assert found.tolist() == pytest.approx(expected, rel=1e-9)
    steps = torch.arange(300.0)
    torch.testing.assert_close(
        measure(p, q, (steps[:, None] - steps).abs()), measure(p, q, None), rtol=1e-9, atol=0
    )


def test_discrete_ground_is_the_total_variation():
    p, q = draw_pairs(np.random.default_rng(1), 30)
    expected = torch.tensor(np.abs(p - q).sum(-1) / 2)
    star = lt.Tree([30] * 30 + [-1], torch.full((31,), 0.5, requires_grad=True))
    for ground in ("discrete", star, 1 - np.eye(30)):
        torch.testing.assert_close(measure(p, q, ground), expected)
    one_hot = [OneHotCategorical(torch.tensor(x)) for x in (p, q)]
    torch.testing.assert_close(lt.wasserstein1(*one_hot), math.sqrt(2) * expected)
    torch.testing.assert_close(lt.wasserstein1(*one_hot, ground="discrete"), expected)
    cost = ot.dist(np.eye(30), np.eye(30), "euclidean")
    assert lt.wasserstein1(*one_hot).tolist() == pytest.approx(solve_programs(p, q, cost))
    torch.testing.assert_close(
        lt.product_wasserstein1(*one_hot, ground=star), expected.square().sum().sqrt()
    )


GROUNDS = {
    "discrete": "discrete",
    "tree": lt.Tree([4, 4, 5, 5, 6, 6, -1], [1.0, 2.0, 0.5, 1.0, 3.0, 0.7, 0.0]),
    "corners": draw_metric(np.random.default_rng(2), 4),
}
every_ground = pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)


@every_ground
def test_slopes_and_norm(ground):
    logits = torch.randn(3, 4, 5, 4, generator=torch.Generator().manual_seed(0), **DOUBLE)

    def distance(x, y):
        return lt.wasserstein1(Categorical(logits=x), Categorical(logits=y), ground=ground)

    p, q, r = logits
    ends = (p.clone().requires_grad_(), q.clone().requires_grad_())
    assert torch.autograd.gradcheck(distance, ends, atol=1e-6, check_forward_ad=True)
    assert (distance(p, q) <= distance(p, r) + distance(r, q) + 1e-12).all()
    x = p.clone().requires_grad_()
    value = distance(x, p)
    assert (value == 0).all()
    assert (torch.autograd.grad(value.sum(), x)[0] == 0).all()
    at, velocity = torch.func.jvp(lambda x: x.softmax(-1).mT, (p,), (q,))
    family = family_of(Categorical(logits=p)).on_ground(make_ground(ground))
    norm = family.wasserstein1_norm(at, velocity)
    torch.testing.assert_close(norm, distance(p, p + 1e-7 * q) / 1e-7, rtol=1e-5, atol=0)
    single = lt.wasserstein1(
        Categorical(logits=p.float()), Categorical(logits=q.float()), ground=ground
    )
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), distance(p, q), rtol=1e-5, atol=1e-6)


@every_ground
def test_geodesics(ground):
    generator = torch.Generator().manual_seed(1)
    inner = torch.randn(2, 16, generator=generator)
    # The sums of few variables have kinks that a curve may stop at.
    outer = torch.randn(16, 100 * 4, generator=generator)

    def decode(z):
        return Categorical(logits=((z @ inner).tanh() @ outer / 4).unflatten(-1, (100, 4)))

    z0, z1 = torch.randn(2, 4, 2, generator=generator)
    geometry = lt.Wasserstein1(decode, ground=ground)
    paths = lt.connecting_geodesics(geometry, z0, z1)
    assert paths.converged.all()
    p, q = decode(z0), decode(z1)
    torch.testing.assert_close(
        geometry.distance(z0, z1), lt.product_wasserstein1(p, q, ground=ground)
    )
    assert (paths.length >= geometry.distance(z0, z1) * (1 - 1e-5)).all()
    assert not torch.allclose(geometry.distance(z0, z1), lt.Wasserstein1(decode).distance(z0, z1))


def test_one_pass_measures_5000_classes():
    rng = np.random.default_rng(3)
    parents, lengths = draw_tree(rng, 8000)
    tree = lt.Tree(parents, lengths)
    logits = torch.randn(2, 4, 100, 5000, generator=torch.Generator().manual_seed(2))
    x, y = logits.requires_grad_()
    distance = lt.wasserstein1(Categorical(logits=x), Categorical(logits=y), ground=tree)
    (slope,) = torch.autograd.grad(distance.sum(), logits)
    assert torch.isfinite(slope).all()
    p, q = (z[0, :2].detach().double().softmax(-1) for z in (x, y))
    expected = lt.wasserstein1(Categorical(p), Categorical(q), ground=tree)
    torch.testing.assert_close(distance[0, :2].double(), expected, rtol=1e-5, atol=0)


METRIC = draw_metric(np.random.default_rng(4), 9)


@pytest.mark.parametrize(
    ("ground", "error", "message"),
    [
        ("hamming", ValueError, 'ground is "hamming"; expected "discrete"'),
        (Normal, TypeError, "ground is a ABCMeta|ground is a type"),
        (np.ones((2, 3)), ValueError, r"shape \(2, 3\); expected distances"),
        (np.ones((3, 3)), ValueError, "not 0 on the diagonal"),
        (np.triu(np.ones((3, 3)), 1), ValueError, "no positive numbers"),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), ValueError, "not symmetric"),
        (
            np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 1.0], [5.0, 1.0, 0.0]]),
            ValueError,
            "classes 0 and 2 is 5, by way of class 1 2",
        ),
        (METRIC, ValueError, "between 9 classes that are not those along a tree"),
    ],
)
def test_what_is_no_ground_distance_is_refused(ground, error, message):
    with pytest.raises(error, match=message):
        lt.Wasserstein1(lambda z: Categorical(logits=z), ground=ground)


@pytest.mark.parametrize(
    ("parents", "lengths", "message"),
    [
        ([1, 0], None, "0 entries of -1"),
        ([-1, -1], None, "2 entries of -1"),
        ([-1, 5], None, r"in -1\.\.5; expected one root"),
        ([-1, 2, 1], None, "2 of 3 nodes are not joined"),
        ([-1, 0], [1.0], r"lengths has shape \(1,\)"),
        ([-1, 0], [0.0, -1.0], "negative"),
        ([-1, 0], [0.0, float("nan")], "not finite"),
    ],
)
def test_what_is_no_tree_is_refused(parents, lengths, message):
    with pytest.raises(ValueError, match=message):
        lt.Tree(parents, lengths)


def test_a_ground_distance_wants_its_classes():
    tree = lt.Tree([-1, 0])
    p = Categorical(torch.ones(2, 3))
    with pytest.raises(ValueError, match="the tree has 2 nodes, the distributions 3 classes"):
        lt.wasserstein1(p, p, ground=tree)
    few = draw_metric(np.random.default_rng(5), 4)
    with pytest.raises(ValueError, match="between 4 classes, the distributions have 3"):
        lt.wasserstein1(p, p, ground=few)
    with pytest.raises(ValueError, match="between 2 classes, the distributions have 3"):
        lt.wasserstein1(p, p, ground=[[0, 1], [1, 0]])
    normal = Normal(torch.zeros(2), 1.0)
    with pytest.raises(TypeError, match=r"ground= tells how far.*these are normal distributions"):
        lt.wasserstein1(normal, normal, ground="discrete")
    one_hot = OneHotCategorical(torch.ones(2, 3))
    z = torch.ones(1, 2)
    with pytest.raises(TypeError, match="mean of a one-hot vector"):
        lt.Euclidean(lambda z: one_hot.expand((len(z), 2))).distance(z, z)

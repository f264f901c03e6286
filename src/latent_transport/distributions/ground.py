r"""Ground distances between classes, and the Wasserstein-1 distance that each of them makes.

W1 under a distance c between n classes is a norm of the difference of the probabilities,

.. math:: W_1(p, q) = \max_f \sum_i f_i (p_i - q_i) \quad \text{over} \quad f_i - f_j \le c_{ij}

(Kantorovich's duality; Peyré & Cuturi 2019, *Computational optimal transport*, Section 2.5). It is
summed in closed form where c is measured along a tree, and is the largest of few sums where there
are few classes: those for the corners of the polytope of all f.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial import HalfspaceIntersection
from scipy.spatial.distance import squareform
from torch import Tensor
from typing_extensions import override

MOST_CLASSES = 8  # of which all corners are listed: 3,432 at most, half of them for each sign
# Shares of the largest distance by which rounding may make distances differ: at least, and in units
# of that of the numbers given.
EXACT, ROUNDINGS = 1e-9, 16


class Ground(ABC):
    """A distance between classes."""

    @abstractmethod
    def measure(self, difference: Tensor) -> Tensor:
        """W1 of distributions whose probabilities differ by (..., n, D): shape (..., D)."""


class Discrete(Ground):
    """Distance 1 between any two classes: W1 is the total variation."""

    @override
    def measure(self, difference: Tensor) -> Tensor:
        return difference.abs().sum(-2) / 2  # (..., D)


class Tree(Ground):
    r"""Distances along a tree, some of whose nodes are the classes.

    Mass has one way from node to node, and each edge e carries what is amiss on its far side:

    .. math:: W_1(p, q) = \sum_e \ell_e \, |p(S_e) - q(S_e)|,

    with S the classes at and below an edge, and :math:`\ell` its length. Exact, and one sum for
    all classes.

    Parameters
    ----------
    parents : sequence of int, length m
        The parent of each node, and -1 for the root. The first n nodes are the n classes, leaves
        or not; the others are inner nodes.
    lengths : sequence of float or Tensor, length m, optional
        Of the edge from each node to its parent; the root's does not count. By default 1.

    Raises
    ------
    ValueError
        If there is not one root, a node is not joined to it, or the lengths are not as many, or
        one of them is negative or not finite.

    References
    ----------
    Evans & Matsen (2012), *The phylogenetic Kantorovich-Rubinstein metric for environmental
    sequence samples*, Eq. 5.

    Examples
    --------
    Two pairs of siblings, 2 apart each and 4 from the other pair:

    >>> import torch
    >>> import latent_transport as lt
    >>> tree = lt.Tree([4, 4, 5, 5, 6, 6, -1])
    >>> p = torch.distributions.Categorical(torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    >>> q = torch.distributions.Categorical(torch.tensor([[0.0, 0.5, 0.5, 0.0]]))
    >>> lt.wasserstein1(p, q, ground=tree)
    tensor([3.])
    """

    def __init__(
        self, parents: Sequence[int], lengths: Sequence[float] | Tensor | None = None
    ) -> None:
        self.parents = [int(parent) for parent in parents]
        nodes = len(self.parents)
        if isinstance(lengths, Tensor):
            lengths = lengths.detach().cpu()
        self.lengths = (
            np.ones(nodes) if lengths is None else np.asarray(lengths, dtype=np.float64)
        )  # (m,)
        if self.lengths.shape != (nodes,):
            raise ValueError(
                f"lengths has shape {self.lengths.shape}; expected ({nodes},), one for each of the "
                "parents"
            )
        roots = [node for node, parent in enumerate(self.parents) if parent == -1]
        if len(roots) != 1 or not all(-1 <= parent < nodes for parent in self.parents):
            raise ValueError(
                f"parents has {len(roots)} entries of -1, and the others in "
                f"{min(self.parents, default=0)}..{max(self.parents, default=0)}; expected one "
                f"root, whose parent is -1, and other nodes' parents in 0..{nodes - 1}"
            )
        edges = np.arange(nodes) != roots[0]  # (m,)
        if not (np.isfinite(self.lengths) & (self.lengths >= 0))[edges].all():
            raise ValueError("lengths has a negative entry, or one that is not finite")
        self._order = _walk(self.parents, roots[0])
        if len(self._order) != nodes:
            raise ValueError(
                f"{nodes - len(self._order)} of {nodes} nodes are not joined to the root: their "
                "parents run in a circle"
            )
        self._edges: dict[int, tuple[Tensor, Tensor, Tensor, Tensor]] = {}
        self._classes: int | None = None  # any number

    @classmethod
    def of_classes(cls, parents: Sequence[int], lengths: Sequence[float], classes: int) -> "Tree":
        """Make a tree for so many classes, which refuses others."""
        tree = cls(parents, lengths)
        tree._classes = classes
        return tree

    @override
    def measure(self, difference: Tensor) -> Tensor:
        order, begin, end, lengths = (
            x.to(difference.device) for x in self._lay_out(difference.shape[-2])
        )
        # A class's own edge has its mass; those of many are differences of sums, which keep the
        # digits in double precision.
        sums = difference.index_select(-2, order).cumsum(-2, dtype=torch.float64)  # (..., n, D)
        sums = torch.cat((torch.zeros_like(sums[..., :1, :]), sums), -2)  # (..., n + 1, D)
        masses = sums.index_select(-2, end) - sums.index_select(-2, begin)  # (..., E, D)
        return (lengths @ masses.abs()).to(difference.dtype)  # (..., D)

    def _lay_out(self, classes: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Order (n,) in which each edge has a run of classes; the runs' ends, and lengths (E,)."""
        if self._classes is not None:
            _check_classes(self._classes, classes)
        if classes > len(self.parents):
            raise ValueError(
                f"the tree has {len(self.parents)} nodes, the distributions {classes} classes; "
                "expected a node for each class, and these first"
            )
        if classes not in self._edges:
            first, last = _enclose(self.parents, self._order, classes)  # (m,) each
            size = last - first
            some = (self.lengths > 0) & (size > 0) & (size < classes)
            order = [node for node in self._order if node < classes]
            self._edges[classes] = (
                torch.tensor(order),
                torch.from_numpy(first[some]),
                torch.from_numpy(last[some]),
                torch.from_numpy(self.lengths[some]),
            )
        return self._edges[classes]


class Polytope(Ground):
    """Any distance of few classes: the largest of the sums that prices at the corners give.

    Parameters
    ----------
    cost : ndarray, shape (n, n)
        The distances; n of at most 8.
    """

    def __init__(self, cost: NDArray[np.float64]) -> None:
        self.prices = torch.from_numpy(_list_corners(cost))  # (V, n)

    @override
    def measure(self, difference: Tensor) -> Tensor:
        _check_classes(self.prices.shape[-1], difference.shape[-2])
        prices = self.prices.to(difference)  # (V, n)
        return (prices @ difference).abs().amax(-2)  # (..., D)


GroundLike = Ground | str | ArrayLike | Tensor
"""What users say of the distance between classes: see :func:`make_ground`."""


def make_ground(ground: GroundLike) -> Ground:
    """Return the ground distance that a user names.

    Parameters
    ----------
    ground : Ground, "discrete", or array-like of shape (n, n)
        A :class:`Tree`; distance 1 between any two classes; or the distances themselves: along any
        tree, or of at most 8 classes.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If distances are not a metric, or of more classes and not along a tree.
    """
    if isinstance(ground, Ground):
        return ground
    if isinstance(ground, str):
        if ground != "discrete":
            raise ValueError(
                f'ground is "{ground}"; expected "discrete", a latent_transport.Tree, or the '
                "distances (n, n) between the classes"
            )
        return Discrete()
    try:
        if isinstance(ground, Tensor):
            ground = ground.detach().cpu().numpy()
        given = np.asarray(ground)
        cost = given.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f'ground is a {type(ground).__name__}; expected "discrete", a latent_transport.Tree, '
            "or the distances (n, n) between the classes"
        ) from None
    exact = EXACT
    if np.issubdtype(given.dtype, np.floating):
        exact = max(EXACT, ROUNDINGS * float(np.finfo(given.dtype).eps))
    _check_metric(cost, exact)
    tree = _find_tree(cost, exact)
    if tree is not None:
        return tree
    if len(cost) <= MOST_CLASSES:
        return Polytope((cost + cost.T) / 2)
    raise ValueError(
        f"ground has distances between {len(cost)} classes that are not those along a tree; W1 is "
        f"a linear program of its own for each pair then, except of {MOST_CLASSES} classes or "
        "fewer: give a latent_transport.Tree that comes near (scipy.cluster.hierarchy builds "
        "some), or fewer classes"
    )


def _check_classes(expected: int, found: int) -> None:
    if expected != found:
        raise ValueError(
            f"ground has the distances between {expected} classes, the distributions have {found}; "
            "expected as many"
        )


def _walk(parents: Sequence[int], root: int) -> list[int]:
    """Nodes that are joined to the root, each followed by all that are below it."""
    children: list[list[int]] = [[] for _ in parents]
    for node, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(node)
    order, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting += children[node]
    return order


def _enclose(
    parents: Sequence[int], order: Sequence[int], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the run of classes at and below each node begins and ends: (m,) each."""
    first, size = (np.zeros(len(parents), dtype=np.int64) for _ in range(2))
    before = 0
    for node in order:
        first[node] = before
        size[node] = node < classes
        before += size[node]
    for node in reversed(order):
        if parents[node] >= 0:
            size[parents[node]] += size[node]
    return first, first + size


def _check_metric(cost: NDArray[np.float64], exact: float) -> None:
    """Refuse distances (n, n) that are not those of a metric, to a share of the largest."""
    expected = "expected distances (n, n): symmetric, 0 on the diagonal and positive elsewhere"
    if cost.ndim != 2 or cost.shape[0] != cost.shape[1] or cost.size == 0:
        raise ValueError(f"ground has shape {cost.shape}; {expected}")
    if not np.isfinite(cost).all() or (cost[~np.eye(len(cost), dtype=bool)] <= 0).any():
        raise ValueError(f"ground has entries that are no positive numbers; {expected}")
    slack = exact * cost.max()
    if (np.diagonal(cost) != 0).any() or (np.abs(cost - cost.T) > slack).any():
        raise ValueError(f"ground is not symmetric, or not 0 on the diagonal; {expected}")
    for k, row in enumerate(cost):
        detour = cost - (row[:, None] + row[None, :])  # (n, n)
        if (detour > slack).any():
            i, j = np.unravel_index(detour.argmax(), detour.shape)
            raise ValueError(
                f"ground is no metric: the distance of classes {i} and {j} is {cost[i, j]:.6g}, "
                f"by way of class {k} {row[i] + row[j]:.6g}; expected the triangle inequality: "
                "take the shortest ways, scipy.sparse.csgraph.shortest_path(cost)"
            )


def _find_tree(cost: NDArray[np.float64], exact: float) -> Tree | None:
    """Return the tree along which the distances (n, n) are measured, if there is one.

    To a share of the largest distance.

    Hung up at class 0, two classes part at the depth of their Gromov product. In a tree the
    products are those of a hierarchy, which single linkage finds (Farris's transform).
    """
    classes = len(cost)
    if classes == 1:
        return Tree.of_classes([-1], [0.0], 1)
    depth = cost[0, 1:]  # (n - 1,)
    product = (depth[:, None] + depth[None, :] - cost[1:, 1:]) / 2  # (n - 1, n - 1)
    # Nodes: the classes, the root 0 among them, then where branches of the others part.
    depths = np.concatenate(([0.0], depth, np.zeros(max(0, classes - 2))))
    parents = np.zeros(len(depths), dtype=np.int64)
    parents[0] = -1
    if classes > 2:
        lowest = product.max()
        heights = np.maximum(lowest - product, 0)
        np.fill_diagonal(heights, 0)
        merges = linkage(squareform(heights, checks=False), "single")
        for number, (left, right, height, _) in enumerate(merges):
            node = classes + number
            depths[node] = lowest - height
            parents[[int(left) + 1, int(right) + 1]] = node
    lengths = depths - depths[parents]
    lengths[0] = 0.0
    slack = exact * cost.max()
    if (lengths < -slack).any():
        return None
    apart = np.abs(_measure_pairs(parents, depths, classes) - cost)  # (n, n)
    if (apart > slack).any():
        return None
    return Tree.of_classes(parents.tolist(), lengths.clip(min=0).tolist(), classes)


def _measure_pairs(
    parents: NDArray[np.int64], depths: NDArray[np.float64], classes: int
) -> NDArray[np.float64]:
    """Distances (n, n) of classes along a tree, of which later nodes lie above earlier ones."""
    parting = np.zeros((classes, classes))  # depths, 0 with the root
    below: list[list[int]] = [[node] for node in range(classes)]
    below += [[] for _ in range(len(parents) - classes)]
    for node in range(1, len(parents)):
        parent = parents[node]
        if parent > 0:
            others = below[parent]
            parting[np.ix_(below[node], others)] = depths[parent]
            parting[np.ix_(others, below[node])] = depths[parent]
            below[parent] = others + below[node]
    own = depths[:classes]
    pairs = own[:, None] + own[None, :] - 2 * parting
    np.fill_diagonal(pairs, 0)
    return pairs


def _list_corners(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (V, n) of the prices with f_i - f_j <= c_ij and f_0 = 0, one of each pair +-f."""
    classes = len(cost)
    unit = cost.max()
    pairs = [(i, j) for i in range(classes) for j in range(classes) if i != j]
    rows = np.zeros((len(pairs), classes + 1))
    for row, (i, j) in zip(rows, pairs, strict=True):
        row[i], row[j], row[-1] = 1, -1, -cost[i, j] / unit
    found = HalfspaceIntersection(rows[:, 1:], np.zeros(classes - 1)).intersections  # (V, n - 1)
    found = found[np.isfinite(found).all(-1)]
    _, kept = np.unique(found.round(9), axis=0, return_index=True)
    corners = np.pad(found[kept], ((0, 0), (1, 0))) * unit  # (V, n)
    corners -= corners.mean(-1, keepdims=True)
    leading = np.take_along_axis(
        corners, (np.abs(corners) > EXACT * unit).argmax(-1)[:, None], -1
    )  # (V, 1), the first entry that is not 0
    return np.ascontiguousarray(corners[leading[:, 0] > 0])

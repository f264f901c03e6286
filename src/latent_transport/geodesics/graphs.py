"""Neighbour graphs of latent codes, whose shortest paths are curves to start from."""

import math
import warnings

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree
from torch import Tensor

from latent_transport.checks import (
    check_alike,
    check_finite,
    check_floating,
    check_points,
    check_precision,
)
from latent_transport.geometries.base import Geometry
from latent_transport.memory import count_rows, map_rows

BYTES_A_NODE = 12  # a distance and a predecessor, for each start


class NeighbourGraph:
    r"""Graph of latent codes, each joined to its nearest ones by straight lines.

    An edge is as long as the geometry says: the length of the straight latent segment, measured
    in pieces. The shortest path through the graph keeps to where the codes are, so that a
    geodesic started from it can lie on the other side of a hole than the straight line does
    (Tenenbaum et al. 2000, *A global geometric framework for nonlinear dimensionality reduction*).

    Parameters
    ----------
    geometry : Geometry
        Measures the edges.
    codes : Tensor, shape (n, d)
        Latent codes, such as the encodings of the training data, n >= 2; on the device of the
        geometry's decoder. A thousand of them are plenty in two dimensions.
    neighbours : int, optional
        Nearest codes, in the latent space's Euclidean distance, that each code is joined to.
    pieces : int, optional
        Pieces in which an edge is measured.

    Raises
    ------
    TypeError
        If the geometry is none, or the codes are no floating-point tensor.
    ValueError
        If the codes are no (n, d), fewer than two, or not finite; if a setting is not positive; or
        if the decoder's parameters are not finite along an edge.
    """

    def __init__(
        self, geometry: Geometry, codes: Tensor, *, neighbours: int = 8, pieces: int = 4
    ) -> None:
        if not isinstance(geometry, Geometry):
            raise TypeError(
                f"geometry is a {type(geometry).__name__}; expected a Geometry, such as "
                "Wasserstein1(decoder)"
            )
        _check(codes, neighbours, pieces)
        self.geometry = geometry
        self.codes = codes.detach()
        self.neighbours = min(neighbours, len(codes) - 1)
        self.pieces = pieces
        self._tree = KDTree(_to_numpy(self.codes))
        pairs = self._join(self.codes, self.neighbours + 1)  # the nearest one is the code itself
        pairs = np.unique(np.sort(pairs, 1), axis=0)  # (E, 2)
        self._edges = pairs[pairs[:, 0] != pairs[:, 1]]
        self._lengths = self._measure(*(self.codes[column] for column in self._edges.T))  # (E,)

    def shortest_paths(self, z0: Tensor, z1: Tensor, points: int = 64) -> Tensor:
        """Shortest paths through the graph between pairs of points, joined to their nearest codes.

        Pairs that the graph does not connect get the straight line, said by a warning.

        Parameters
        ----------
        z0, z1 : Tensor, shape (B, d)
            Ends.
        points : int, optional
            Points on each path, at equal lengths in the geometry.

        Returns
        -------
        Tensor, shape (B, points, d)

        Raises
        ------
        TypeError
            If the ends are no floating-point tensors of the codes' dtype and device.
        ValueError
            If the ends are no (B, d) of equal shapes and with finite entries, or they and the
            codes differ in dimension; if there are fewer than two points; or if the decoder's
            parameters are not finite on the way to the nearest codes.
        """
        self._check_ends(z0, z1)
        if points < 2:
            raise ValueError(f"points is {points}; a path has at least its 2 ends")
        t = torch.linspace(0, 1, points, dtype=z0.dtype, device=z0.device)  # (T,)
        paths = torch.lerp(z0[:, None], z1[:, None], t[:, None])  # (B, T, d)
        entries = zip(*(self._enter(z) for z in (z0, z1)), strict=True)
        codes, lengths = (np.stack(each, 1) for each in entries)  # (B, 2, neighbours) each
        size = self._count_pairs()
        groups = [slice(start, start + size) for start in range(0, len(z0), size)]
        connected = 0
        for group in groups:
            connected += self._follow(
                paths[group], t, z0[group], z1[group], codes[group], lengths[group]
            )
        if connected < len(z0):
            warnings.warn(
                f"{len(z0) - connected} of {len(z0)} pairs of endpoints lie in unconnected parts "
                f"of the neighbour graph and start from the straight line; to connect them, build "
                f"the graph with more than {self.neighbours} neighbours",
                stacklevel=2,
            )
        return paths

    def _count_pairs(self) -> int:
        """How many pairs B are searched at once: each has distances to n + 2 B nodes.

        The positive root of B (n + 2 B) = distances that there is room for, rounded down.
        """
        nodes, count = count_rows(BYTES_A_NODE), len(self.codes)
        root = (math.sqrt(count**2 + 8 * nodes) - count) / 4
        return max(1, int(root))

    def _follow(
        self,
        paths: Tensor,
        t: Tensor,
        z0: Tensor,
        z1: Tensor,
        codes: np.ndarray,
        lengths: np.ndarray,
    ) -> int:
        """Write the shortest paths of some pairs into (B, T, d), and tell how many there are."""
        distance, previous = self._search(codes, lengths)  # (B, n + 2B) each
        starts = len(self.codes) + np.arange(len(z0))  # (B,)
        ends = starts + len(z0)  # (B,)
        found = np.isfinite(distance[np.arange(len(z0)), ends])  # (B,)
        rows = np.flatnonzero(found)  # (R,)
        if len(rows) == 0:
            return 0
        visited = _trace(previous, rows, starts[rows], ends[rows])  # (R, L)
        run = distance[rows[:, None], visited]  # (R, L)
        corners = torch.cat((self.codes, z0, z1))[torch.as_tensor(visited, device=z0.device)]
        run = torch.as_tensor(run, dtype=z0.dtype, device=z0.device)
        places = torch.as_tensor(rows, device=z0.device)
        paths[places] = _resample(corners, run, t)
        paths[places, 0], paths[places, -1] = z0[places], z1[places]
        return len(rows)

    def _check_ends(self, z0: Tensor, z1: Tensor) -> None:
        for name, z in (("z0", z0), ("z1", z1)):
            check_points(name, z)
            if z.ndim != 2 or len(z) == 0:
                raise ValueError(f"{name} has shape {tuple(z.shape)}; expected (B, d), B > 0")
            if z.shape[1] != self.codes.shape[1]:
                raise ValueError(
                    f"the endpoints have {z.shape[1]} dimensions, the graph's codes "
                    f"{self.codes.shape[1]}; give a graph of codes of the same latent space"
                )
            check_alike(name, z[0], "the graph's first code", self.codes[0])
            check_finite(name, z)
        if len(z0) != len(z1):
            raise ValueError(f"z0 has {len(z0)} points, z1 {len(z1)}; expected as many")

    def _join(self, points: Tensor, count: int) -> np.ndarray:
        """Pairs (point, code), (P count, 2), of points and their nearest codes."""
        _, nearest = self._tree.query(_to_numpy(points), count)  # (P, count)
        nearest = nearest.reshape(len(points), count)
        return np.stack((np.repeat(np.arange(len(points)), count), nearest.ravel()), 1)

    def _measure(self, first: Tensor, second: Tensor) -> np.ndarray:
        """Lengths (E,) of the straight segments between points (E, d)."""
        t = torch.linspace(0, 1, self.pieces + 1, dtype=first.dtype, device=first.device)[:, None]

        def measure(a: Tensor, b: Tensor) -> Tensor:
            return self.geometry.curve_length(torch.lerp(a[:, None], b[:, None], t))  # (E,)

        with torch.no_grad():
            lengths = map_rows(measure, first, second)  # (E,)
        found = _to_numpy(lengths)  # (E,)
        broken = ~np.isfinite(found)
        if broken.any():
            raise ValueError(
                f"{broken.sum()} of {len(found)} edges of the neighbour graph have no finite "
                "length: the decoder's parameters are not finite there; leave out the codes around"
            )
        return found

    def _enter(self, z: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Codes by which points (B, d) enter the graph, and lengths to them: (B, neighbours)."""
        point, code = self._join(z, self.neighbours).T  # (B neighbours,) each
        lengths = self._measure(z[point], self.codes[code])
        return code.reshape(len(z), -1), lengths.reshape(len(z), -1)

    def _search(self, codes: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances from each start to all nodes, and each node's predecessor: (B, n + 2B).

        Nodes are the codes, the starts and the ends, which enter by ``codes`` (B, 2, neighbours).
        Roads lead out of the starts and into the ends only, so that no pair's path runs through
        another pair's ends.
        """
        count, pairs = len(self.codes), len(codes)
        starts = count + np.arange(pairs)  # (B,)
        points = np.broadcast_to(starts[:, None], codes[:, 0].shape)  # (B, neighbours)
        tails = (*self._edges.T, points.ravel(), codes[:, 1].ravel())
        heads = (*self._edges.T[::-1], codes[:, 0].ravel(), (points + pairs).ravel())
        roads = (np.concatenate(tails), np.concatenate(heads))
        every = (self._lengths, self._lengths, lengths[:, 0].ravel(), lengths[:, 1].ravel())
        size = count + 2 * pairs
        graph = csr_array((np.concatenate(every), roads), shape=(size, size))
        return dijkstra(graph, indices=starts, return_predecessors=True)


def _check(codes: Tensor, neighbours: int, pieces: int) -> None:
    check_floating("codes", codes, "(n, d)", verb="are a")
    check_precision("codes", codes)
    if codes.ndim != 2 or len(codes) < 2:
        raise ValueError(f"codes have shape {tuple(codes.shape)}; expected (n, d), n >= 2")
    if not torch.isfinite(codes).all():
        raise ValueError("codes have entries that are not finite; remove those rows")
    for name, value in (("neighbours", neighbours), ("pieces", pieces)):
        if value < 1:
            raise ValueError(f"{name} is {value}; expected at least 1")


def _to_numpy(x: Tensor) -> np.ndarray:
    return x.cpu().double().numpy()


def _trace(
    previous: np.ndarray, rows: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Nodes (R, L) on the paths of some rows, from predecessors; short ones wait at their start."""
    node = ends
    visited = [node]
    while (node != starts).any():
        node = np.where(node == starts, node, previous[rows, node])  # (R,)
        visited.append(node)
    return np.stack(visited[::-1], 1)


def _resample(corners: Tensor, lengths: Tensor, t: Tensor) -> Tensor:
    """Points (R, T, d) at fractions t of polylines (R, L, d) with lengths (R, L) up to there."""
    wanted = t * lengths[:, -1:]  # (R, T)
    after = torch.searchsorted(lengths, wanted, right=True).clamp(1, lengths.shape[1] - 1)
    low, high = lengths.gather(1, after - 1), lengths.gather(1, after)  # (R, T) each
    gap = high - low
    weight = torch.where(gap > 0, (wanted - low) / gap, 0)[..., None]  # (R, T, 1)
    index = after[..., None].expand(-1, -1, corners.shape[2])  # (R, T, d)
    return torch.lerp(corners.gather(1, index - 1), corners.gather(1, index), weight)

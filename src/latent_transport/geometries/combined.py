"""Sums of geometries: several squared distances, added up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from latent_transport.distributions.wasserstein import safe_sqrt
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.conformal import Conformal
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.indicatrix import indicatrix_volume
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.memory import map_rows


@dataclass(frozen=True)
class _Term:
    """A geometry of the sum; ``layers`` are the conformal weights on its base, the inmost first."""

    geometry: Geometry
    weight: float
    base: Geometry
    layers: tuple[Conformal, ...]


class Combined(Geometry):
    r"""A sum of geometries: the distance in the l2 product of all that they measure.

    .. math:: d^2(z_0, z_1) = \sum_k w_k^2 d_k^2(z_0, z_1), \qquad
              F^2(z, v) = \sum_k w_k^2 F_k^2(z, v)

    ``Combined([Wasserstein1(decoder), LatentEuclidean()], [1, 100])`` is
    :math:`W_1^2 + 100^2 \|\Delta z\|^2`: the latent metric keeps curves straight where the decoder
    ignores the latent space, and the sum regular. Others join the images of several decoders, or
    two distances of one. With metrics of the target spaces it is a metric, Riemannian if all terms
    are.

    Terms that pull back through the same decoder decode once. Sums within a sum are terms of the
    whole.

    Parameters
    ----------
    geometries : sequence of Geometry
        The terms, of one latent space; weighted ones and sums among them if need be.
    weights : sequence of float, optional
        :math:`w_k`, positive: how many of the sum's units a unit of each distance is. By default 1.

    Attributes
    ----------
    geometries : tuple of Geometry
        The terms.
    weights : tuple of float
        Theirs.
    decoder : callable
        The first term's.

    Raises
    ------
    TypeError
        If a term is no geometry.
    ValueError
        If there are no terms, not as many weights, or a weight is no positive number.
    """

    def __init__(
        self, geometries: Sequence[Geometry], weights: Sequence[float] | None = None
    ) -> None:
        if len(geometries) == 0:
            raise ValueError("geometries is empty; expected one Geometry or more")
        for number, geometry in enumerate(geometries):
            if not isinstance(geometry, Geometry):
                raise TypeError(
                    f"geometries[{number}] is a {type(geometry).__name__}; expected a Geometry, "
                    "such as Wasserstein1(decoder)"
                )
        if weights is None:
            weights = [1.0] * len(geometries)
        if len(weights) != len(geometries):
            raise ValueError(
                f"{len(weights)} weights for {len(geometries)} geometries; expected as many"
            )
        for number, weight in enumerate(weights):
            if not 0 < weight < math.inf:
                raise ValueError(f"weights[{number}] is {weight}; expected a positive number")
        super().__init__(geometries[0].decoder)
        terms = [
            term
            for geometry, weight in zip(geometries, weights, strict=True)
            for term in _expand(geometry, float(weight))
        ]
        self.geometries = tuple(term.geometry for term in terms)
        self.weights = tuple(term.weight for term in terms)
        self.weighted = any(geometry.weighted for geometry in self.geometries)
        self.riemannian = all(geometry.riemannian for geometry in self.geometries)
        self._groups = _group(terms)

    @override
    def decode(self, z: Tensor) -> Decoded:
        sides = []
        for group in self._groups:
            p = group[0].base.decode(z)
            for layer in _layers(group):
                p = layer.weigh(p, z)
            sides.append(p)
        return Decoded.join(sides)

    @override
    def decode_with_checks(self, z: Tensor, name: str = "z") -> Decoded:
        for geometry in self.geometries:
            geometry.decode_with_checks(z, name)
        return self.decode(z)

    @override
    def check_decoder(self, *points: Tensor) -> None:
        for geometry in self.geometries:
            geometry.check_decoder(*points)

    @override
    @outside_inference_mode()
    def decode_with_jacobian(self, z: Tensor) -> tuple[Decoded, Decoded]:
        z = as_ordinary(z)
        sides, jacobians = [], []
        for group in self._groups:
            p, jacobian = group[0].base.decode_with_jacobian(z)
            for layer in _layers(group):
                p, jacobian = layer.weigh_with_jacobian(p, jacobian, z)
            sides.append(p)
            jacobians.append(jacobian)
        return Decoded.join(sides), Decoded.join(jacobians)

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        return self._gather(lambda geometry, *ends: geometry.residuals(*ends), p, q)

    @override
    def local_residuals(self, p: Decoded, dp: Decoded) -> Tensor:
        return self._gather(lambda geometry, *moving: geometry.local_residuals(*moving), p, dp)

    @override
    def residual_curvature(self, p: Decoded, q: Decoded) -> Tensor:
        sides = []
        rows = p.coordinates.shape[-2]
        for parts in self._measure(
            lambda geometry, *ends: geometry.residual_curvature(*ends), p, q
        ):
            covectors = torch.cat(parts, -3)  # (..., R, C, D)
            sides.append(F.pad(covectors, (0, 0, 0, rows - covectors.shape[-2])))
        return _lay_side_by_side(sides, -3)  # (..., R, C, D)

    @override
    @outside_inference_mode()
    def weight_curvature(self, z: Tensor) -> Tensor:
        """Second derivatives of the terms' log weights, by their shares of the norm: (..., d, d).

        Shares of the squared norm, in the mean over the directions of the latent axes.
        """
        if not self.weighted:
            return super().weight_curvature(z)

        def measure(z: Tensor) -> Tensor:
            squares = self._square_norms(z)  # (..., K)
            total = squares.sum(-1, keepdim=True)  # (..., 1)
            shares = torch.where(total > 0, squares / total, 0)  # (..., K)
            terms = (term for group in self._groups for term in group)
            curvatures = [term.geometry.weight_curvature(z) for term in terms]
            return (shares[..., None, None] * torch.stack(curvatures, -3)).sum(-3)  # (..., d, d)

        with torch.no_grad():
            return map_rows(measure, as_ordinary(z), sizes=self.row_sizes, name="curvature")

    def _square_norms(self, z: Tensor) -> Tensor:
        """Each term's squared norms, group by group, over the latent axes: (..., d) to (..., K)."""
        p, jacobian = self.decode_with_jacobian(z)
        along = p.velocity(jacobian.coordinates)  # of (d, ...)
        at = p.apply(lambda x: x.expand(z.shape[-1], *x.shape))  # of (d, ...)
        groups = self._measure(lambda geometry, *ends: geometry.local_residuals(*ends), at, along)
        squares = [part.square().sum((0, -2, -1)) for parts in groups for part in parts]  # (...)
        return torch.stack(squares, -1)  # (..., K)

    @override
    def lower_bound(self, z0: Tensor, z1: Tensor) -> Tensor:
        """The root of the terms' squared bounds: no curve is shorter by Minkowski's inequality."""
        terms = zip(self.geometries, self.weights, strict=True)
        bounds = [weight * geometry.lower_bound(z0, z1) for geometry, weight in terms]  # (...) each
        return safe_sqrt(torch.stack(bounds).square().sum(0))  # (...)

    @override
    def volume(self, z: Tensor) -> Tensor:
        """Volume density: of the tensor if all terms are Riemannian, else of the indicatrix.

        See :meth:`Geometry.volume` and :func:`indicatrix_volume`, which is for two dimensions.
        """
        return super().volume(z) if self.riemannian else indicatrix_volume(self, z)

    def _measure(self, measure: Callable[..., Tensor], *points: Decoded) -> list[list[Tensor]]:
        """What the terms of each group measure of their parts of points, times their weights."""
        found = []
        by_group = zip(*(p.split() for p in points), strict=True)
        for group, sides in zip(self._groups, by_group, strict=True):
            by_term = zip(*(_choose_weights(group, side) for side in sides), strict=True)
            pairs = zip(group, by_term, strict=True)
            found.append([term.weight * measure(term.geometry, *parts) for term, parts in pairs])
        return found

    def _gather(self, measure: Callable[..., Tensor], *points: Decoded) -> Tensor:
        """Residuals (..., M, D) of all terms, filled up by zeros where a group has fewer."""
        groups = self._measure(measure, *points)
        return _lay_side_by_side([torch.cat(parts, -2) for parts in groups], -2)


def _expand(geometry: Geometry, weight: float) -> list[_Term]:
    """Terms that a geometry stands for, times a weight."""
    if type(geometry) is Combined:
        terms = zip(geometry.geometries, geometry.weights, strict=True)
        return [term for inner, own in terms for term in _expand(inner, weight * own)]
    base, layers = geometry, []
    while type(base) is Conformal:
        layers.append(base)
        base = base.geometry
    return [_Term(geometry, weight, base, tuple(reversed(layers)))]


def _group(terms: Sequence[_Term]) -> list[list[_Term]]:
    """Put terms together that decode alike."""
    groups: list[list[_Term]] = []
    for term in terms:
        fitting = (group for group in groups if _decode_alike(group[0].base, term.base))
        group = next(fitting, None)
        if group is None:
            groups.append([term])
        else:
            group.append(term)
    return groups


def _decode_alike(first: Geometry, second: Geometry) -> bool:
    """Whether two geometries give the same decoded points: by one decoder, in the common way."""
    common = all(
        type(geometry).decode is Geometry.decode
        and type(geometry).decode_with_jacobian is Geometry.decode_with_jacobian
        for geometry in (first, second)
    )
    return first is second or (common and first.decoder == second.decoder)


def _layers(group: Sequence[_Term]) -> list[Conformal]:
    return [layer for term in group for layer in term.layers]


def _choose_weights(group: Sequence[_Term], p: Decoded) -> list[Decoded]:
    """A group's points with the log weights of each of its terms."""
    if not p.log_weights:  # or velocities, of which those of the weights are left out
        return [p] * len(group)
    own = len(p.log_weights) - len(_layers(group))  # weights of the base's own
    chosen, before = [], own
    for term in group:
        after = before + len(term.layers)
        log_weights = p.log_weights[:own] + p.log_weights[before:after]
        chosen.append(replace(p, log_weights=log_weights))
        before = after
    return chosen


def _lay_side_by_side(sides: Sequence[Tensor], axis: int) -> Tensor:
    """Join tensors along the variables, their last axis, filled up by zeros along another."""
    most = max(side.shape[axis] for side in sides)
    behind = (0, 0) * (-axis - 1)  # axes that are as they are
    filled = [F.pad(side, (*behind, 0, most - side.shape[axis])) for side in sides]
    return torch.cat(filled, -1)

"""Decoders that return several distributions, of one family each: their product."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution
from typing_extensions import override

from latent_transport.distributions.family import Family, flat_coordinates
from latent_transport.distributions.ground import Ground


class Product(Distribution):
    """Independent variables, some of one distribution and some of another.

    Parameters
    ----------
    parts : sequence of Distribution, batch shapes (..., D_k)
        Whose variables follow each other: the batch shape is (..., D), D the sum of theirs.
    points : int, optional
        M, where their batch shapes are (M, ...), each of its own: what is behind the M are
        variables, and the batch shape is (M, D).

    Raises
    ------
    ValueError
        If the other dimensions of the batch shapes differ, or one does not begin with M.
    """

    arg_constraints: ClassVar = {}

    def __init__(self, parts: Sequence[Distribution], points: int | None = None) -> None:
        self.parts = tuple(parts)
        self.points = points
        shapes = [tuple(part.batch_shape) for part in self.parts]
        if points is not None:
            if any(shape[:1] != (points,) for shape in shapes):
                raise ValueError(
                    f"the distributions that are returned together have batch shapes {shapes}; "
                    f"expected {(points, '...')} of each, for {points} latent points"
                )
            self.variables = [math.prod(shape[1:]) for shape in shapes]
            super().__init__(torch.Size((points, sum(self.variables))), validate_args=False)
            return
        lead = {shape[:-1] for shape in shapes}
        if len(lead) != 1 or not all(shapes):
            raise ValueError(
                f"the distributions that are returned together have batch shapes {shapes}; "
                "expected (..., D) of each, with the same dimensions before the last"
            )
        self.variables = [shape[-1] for shape in shapes]
        super().__init__(torch.Size((*lead.pop(), sum(self.variables))), validate_args=False)

    @property
    @override
    def mean(self) -> Tensor:
        return self._in_a_row([part.mean for part in self.parts])

    @property
    @override
    def variance(self) -> Tensor:
        return self._in_a_row([part.variance for part in self.parts])

    def _in_a_row(self, values: Sequence[Tensor]) -> Tensor:
        """Values of the parts' variables, those of one part after those of the other: (..., D)."""
        if self.points is not None:
            values = [value.reshape(self.points, -1) for value in values]
        return torch.cat(list(values), -1)


class ProductFamily(Family[Product]):
    """Products of members of several families; coordinates are filled up with zeros.

    Parameters
    ----------
    families : sequence of Family
        Of the parts.
    rows, variables : sequence of int
        How many coordinates and variables each has.
    """

    def __init__(
        self, families: Sequence[Family[Any]], rows: Sequence[int], variables: Sequence[int]
    ) -> None:
        self.families = tuple(families)
        self.rows = tuple(rows)
        self.variables = tuple(variables)
        self.fisher_rao_is_distance = all(x.fisher_rao_is_distance for x in self.families)
        *others, last = (family.plural for family in self.families)
        self.plural = f"products of {', '.join(others)} and {last}" if others else last

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProductFamily) and self._key == other._key

    @override
    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[tuple[Any, ...], ...]:
        return self.families, self.rows, self.variables

    @override
    def coordinates(self, distribution: Product) -> Tensor:
        pairs = zip(self.families, distribution.parts, strict=True)
        return _join([_coordinates(*pair, distribution) for pair in pairs], 1)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return self._apply(lambda family: family.wasserstein1, 0, p, q)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return self._apply(lambda family: family.wasserstein1_norm, 0, p, dp)  # (..., D)

    @override
    def wasserstein1_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        return self._apply(lambda family: family.wasserstein1_curvature, 2, p, q)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return self._apply(lambda family: family.mean, 0, p)  # (..., D)

    @override
    def mean_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return self._apply(lambda family: family.mean_residuals, 1, p, q)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return self._apply(lambda family: family.wasserstein2_residuals, 1, p, q)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        return self._apply(lambda family: family.wasserstein2_local_residuals, 1, p, dp)

    @override
    def wasserstein2_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        return self._apply(lambda family: family.wasserstein2_curvature, 2, p, q)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return self._apply(lambda family: family.fisher_rao_residuals, 1, p, q)

    @override
    def on_ground(self, ground: Ground) -> "ProductFamily":
        """Those of the families that have classes, on the ground distance; the others as before."""
        some = [type(family).on_ground is not Family.on_ground for family in self.families]
        if not any(some):
            super().on_ground(ground)
        families = [
            family.on_ground(ground) if has_classes else family
            for family, has_classes in zip(self.families, some, strict=True)
        ]
        return ProductFamily(families, self.rows, self.variables)

    def _apply(
        self, choose: Callable[[Family[Any]], Callable[..., Tensor]], dims: int, *at: Tensor
    ) -> Tensor:
        """Apply each family's method to its own coordinates, and join what comes out."""
        columns = [x.split(self.variables, -1) for x in at]
        found = []
        for family, rows, *own in zip(self.families, self.rows, *columns, strict=True):
            found.append(choose(family)(*(x[..., :rows, :] for x in own)))
        return _join(found, dims)


def product_family(product: Product, families: Sequence[Family[Any]]) -> ProductFamily:
    """Return the family of a product of distributions, of these families."""
    rows = []
    for family, part in zip(families, product.parts, strict=True):
        rows.append(_coordinates(family, part, product).shape[-2])
    return ProductFamily(families, rows, product.variables)


def _coordinates(family: Family[Any], part: Distribution, product: Product) -> Tensor:
    """Coordinates of a part of a product, of its shape but for the variables."""
    return family.coordinates(part) if product.points is None else flat_coordinates(family, part)


def _join(parts: Sequence[Tensor], dims: int) -> Tensor:
    """Join along the last dimension, the ``dims`` ones before it filled up with zeros."""
    sizes = [max(part.shape[-2 - k] for part in parts) for k in range(dims)]
    padded = []
    for part in parts:
        missing = [0, 0]
        for k, size in enumerate(sizes):
            missing += [0, size - part.shape[-2 - k]]
        padded.append(F.pad(part, missing) if any(missing) else part)
    return torch.cat(padded, -1)

"""What a family of decoder distributions is: coordinates, and distances between members.

A family turns a :class:`torch.distributions.Distribution` of batch shape (..., D) into one tensor
of coordinates (..., C, D), C numbers a variable, in which decoders are differentiated, and holds
the closed forms of the distances in those coordinates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Generic, NoReturn, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from latent_transport.distributions.ground import Ground

Member = TypeVar("Member", bound=Distribution)

STEP = 1e-4  # share of a scale by which a coordinate is moved to find a slope
FARTHEST = 30.0  # in scales from its location, beyond which a distribution has no mass to speak of


class Family(ABC, Generic[Member]):
    """One parametric family of one-dimensional distributions, in coordinates (..., C, D)."""

    plural: str  # what its members are called in messages
    fisher_rao_is_distance = True  # at any distance; else for neighbours only

    @abstractmethod
    def coordinates(self, distribution: Member) -> Tensor:
        """Coordinates of the distributions: batch shape (..., D) to (..., C, D)."""

    def compares_with(self, other: "Family[Any]") -> bool:
        """Whether W1 is known between members of this family and of another one."""
        return self == other

    @abstractmethod
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        """W1 of each variable: (..., C, D) twice to (..., D), in units of the data."""

    @abstractmethod
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        r"""Local norm :math:`\lim_{\epsilon \to 0} W_1(p, p + \epsilon\,dp) / \epsilon`: (..., D).

        It is 1-homogeneous in ``dp`` and differentiable in it almost everywhere.
        """

    def wasserstein1_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        r"""Covectors k with :math:`\sum_r k_r k_r^T \approx W_1 \nabla^2_q W_1` for neighbours.

        The curvature of the unit ball of the local norm, which the square of W1 has beside the
        square of its slope. None, so that R = 0, where it has none or it is not known.

        Parameters
        ----------
        p, q : Tensor, shape (..., C, D)
            Coordinates.

        Returns
        -------
        Tensor, shape (..., R, C, D)
            In units of the data, a unit of the coordinate.
        """
        return p.new_zeros(*p.shape[:-2], 0, *p.shape[-2:])

    @abstractmethod
    def mean(self, p: Tensor) -> Tensor:
        """Mean of each variable: (..., C, D) to (..., D), in units of the data."""

    def mean_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Residuals (..., M, D) whose squares add up to the squared distance of the means."""
        return (self.mean(p) - self.mean(q)).unsqueeze(-2)  # (..., 1, D)

    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Residuals (..., M, D) whose squares add up to W2 squared of each variable.

        Raises
        ------
        TypeError
            If the family has no such form.
        """
        self._refuse("Wasserstein-2 distance", "wasserstein2_residuals")

    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        """Residuals (..., M, D) whose squares add up to the squared local norm of W2, dp at p.

        Raises
        ------
        TypeError
            If the family has no such form.
        """
        self._refuse("Wasserstein-2 distance", "wasserstein2_residuals")

    def wasserstein2_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        r"""Covectors (..., R, C, D), as :meth:`wasserstein1_curvature`, of the residuals of W2.

        None, so that R = 0, where these are differences of functions of p and q.
        """
        return p.new_zeros(*p.shape[:-2], 0, *p.shape[-2:])

    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Residuals (..., M, D) whose squares add up to each variable's squared Fisher-Rao length.

        Raises
        ------
        TypeError
            If the family has no such form.
        """
        self._refuse("Fisher-Rao distance", "fisher_rao_residuals")

    def on_ground(self, ground: Ground) -> "Family[Any]":
        """Return the same family, whose W1 is that under a distance between classes.

        Raises
        ------
        TypeError
            If the family has no classes.
        """
        raise TypeError(
            f"ground= tells how far the classes of categorical distributions are apart; these are "
            f"{self.plural}: leave it out"
        )

    def _refuse(self, distance: str, method: str) -> NoReturn:
        """Say which families, of all that there are, have a method of their own."""
        families = [x for x in _descend(Family) if getattr(x, method) is not vars(Family)[method]]
        *others, last = sorted({family.plural for family in families}, key=str.lower)
        raise TypeError(
            f"the {distance} of {self.plural} is not supported, only that of {', '.join(others)} "
            f"and {last}; use the Wasserstein1 or the Euclidean geometry"
        )


def _descend(family: type[Any]) -> Iterator[type[Family[Any]]]:
    """Families of which there are members, among those that are made from one."""
    for child in family.__subclasses__():
        if hasattr(child, "plural"):
            yield child
        yield from _descend(child)


def flat_coordinates(family: Family[Any], distribution: Distribution) -> Tensor:
    """Coordinates (M, C, D) of distributions of any batch shape (M, ...), D variables in all.

    Raises
    ------
    ValueError
        If the family's coordinates are of another shape.
    """
    p = family.coordinates(distribution)  # (M, ..., C, D'), or (C, M)
    shape = tuple(distribution.batch_shape)  # (M, ..., D')
    if p.ndim != len(shape) + 1 or (*p.shape[:-2], p.shape[-1]) != shape:
        expected = f"({', '.join(map(str, (*shape[:-1], 'C', shape[-1])))})"
        raise ValueError(
            f"{type(family).__name__}.coordinates maps a {type(distribution).__name__} of batch "
            f"shape {shape} to shape {tuple(p.shape)}; expected {expected}, C numbers a variable: "
            "one number is given by .unsqueeze(-2)"
        )
    if p.ndim == 2:
        return p.mT.unsqueeze(-1)  # (M, C, 1)
    return p if p.ndim == 3 else p.movedim(-2, 1).flatten(2)  # (M, C, D)


def location_scale_curvature(
    p: Tensor, q: Tensor, distance: Tensor, density: Callable[[Tensor], Tensor]
) -> Tensor:
    r"""Covectors of :meth:`Family.wasserstein1_curvature` for locations and scales.

    The local norm of m + s U is :math:`E|dm + U\,ds|`. Its second derivative has rank one,
    :math:`2 f(u) / |ds| \cdot (1, u)^T (1, u)`, with f the density of U and u = -dm/ds where the
    two cdfs cross.

    Parameters
    ----------
    p, q : Tensor, shape (..., 2, D)
        Locations and scales.
    distance : Tensor, shape (..., D)
        Their W1.
    density : callable
        Density of U, of any shape.

    Returns
    -------
    Tensor, shape (..., 1, 2, D)
        0 where the cdfs do not cross, or further than 30 scales out.

    References
    ----------
    Roy & Hauberg (2022), Eq. 5, for neighbours and without the rounding to levels.
    """
    dloc, dscale = (q - p).unbind(-2)  # (..., D) each
    # The tails hold nothing, and quotients stay finite.
    crossing = dloc.abs() < FARTHEST * dscale.abs()  # (..., D)
    width = torch.where(crossing, dscale, 1)  # (..., D)
    place = torch.where(crossing, -dloc / width, 0)  # (..., D)
    square = 2 * density(place) * (distance / width.abs())  # (..., D)
    size = torch.where(crossing, square.sqrt(), 0)  # (..., D)
    return torch.stack((size, size * place), -2).unsqueeze(-3)  # (..., 1, 2, D)


def norm_by_slopes(
    distance: Callable[[Tensor, Tensor], Tensor], p: Tensor, dp: Tensor, scale: Tensor
) -> Tensor:
    r"""Local norm of W1 from the slopes of the distance of two neighbours.

    The norm is :math:`\int |\partial F \cdot dp|`. The cdfs of neighbours on either side of p, in
    the direction of dp, tell the signs, and the slopes of their distance are the integrals with
    these signs. In double precision.

    Parameters
    ----------
    distance : callable
        Two tensors (..., C, D) of coordinates to their W1 (..., D), in reverse mode.
    p, dp : Tensor, shape (..., C, D)
        Coordinates and their velocities.
    scale : Tensor, shape (..., C, D)
        Over which the family changes: coordinates are moved by up to 1e-4 of it.

    Returns
    -------
    Tensor, shape (..., D)
        Right to about 1e-7 of itself; 1-homogeneous in ``dp``, and differentiable in it.
    """
    at, scale = p.detach().double(), scale.detach().double()  # (..., C, D) each
    velocity = dp.detach().double()  # (..., C, D)
    moves = velocity != 0
    share = torch.where(moves, velocity.abs() / torch.where(moves, scale, 1), 0)  # (..., C, D)
    size = share.amax(-2, keepdim=True) / STEP  # (..., 1, D)
    change = velocity / torch.where(size > 0, size, 1)  # (..., C, D)

    def total(first: Tensor, second: Tensor) -> Tensor:
        return distance(first, second).sum()

    forth, back = torch.func.grad(total, (0, 1))(at + change, at - change)  # (..., C, D) each
    slopes = ((forth - back) / 2).to(dp.dtype)  # (..., C, D)
    return (slopes * dp).sum(-2)  # (..., D)


def divide_by_argument(
    function: Callable[[Tensor], Tensor], square: Tensor, third: float
) -> Tensor:
    """f(x) / x from x squared, for f(x) = x + third x^3 + ...; smooth at 0."""
    close = square < 1e-6
    x = torch.where(close, 1, square).sqrt()
    return torch.where(close, 1 + third * square, function(x) / x)

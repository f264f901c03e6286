"""Latent spaces with fewer coordinates: curves in those that a decoder uses."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from latent_transport.checks import check_alike, check_finite, check_points

Value = TypeVar("Value")


class Subspace:
    r"""Some coordinates of a latent space, with the others held where they are.

    Of a VAE's latent dimensions some may be collapsed: their posterior is the prior, and the
    decoder ignores them, but for noise along which a geodesic may wander off the codes at next to
    no length. A geometry of a decoder on the subspace does not see them,

    .. math:: y \mapsto p(\cdot | z(y)), \qquad z_i(y) = y_i \text{ for } i \text{ in dims, else }
              z_i = a_i ,

    has full rank, and is solved in fewer dimensions. Which are active is told by
    :func:`latent_transport.active_dimensions`.

    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(z.sin(), 1.0)
    >>> active = lt.Subspace([0, 2], at=torch.zeros(3))
    >>> geometry = lt.Wasserstein1(active.restrict(decoder))
    >>> z0, z1 = torch.zeros(1, 3), torch.ones(1, 3)
    >>> paths = lt.connecting_geodesics(geometry, active.project(z0), active.project(z1))
    >>> active.lift(paths(torch.linspace(0, 1, 50)), z0, z1).shape
    torch.Size([1, 50, 3])

    Parameters
    ----------
    dims : sequence of int
        The k coordinates that are kept, each once, of 0 to d - 1.
    at : Tensor, shape (d,)
        Where the others are held, such as the mean of the codes; any device and dtype.

    Raises
    ------
    TypeError
        If ``at`` is no floating-point tensor.
    ValueError
        If it is no (d,) or not finite, or the coordinates are none, not different, or not of it.
    """

    def __init__(self, dims: Sequence[int] | Tensor, at: Tensor) -> None:
        check_points("at", at)
        if at.ndim != 1:
            raise ValueError(f"at has shape {tuple(at.shape)}; expected (d,)")
        check_finite("at", at)
        chosen = [int(dim) for dim in dims]
        if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(range(len(at))):
            raise ValueError(
                f"dims is {chosen}; expected different coordinates of 0 to {len(at) - 1}, one at "
                "least"
            )
        self.dims = chosen
        self.at = at.detach().clone()

    def project(self, z: Tensor) -> Tensor:
        """Coordinates (..., k) of points (..., d) in the subspace.

        Raises
        ------
        TypeError, ValueError
            If they are no points of the latent space.
        """
        self._check("z", z, len(self.at))
        return z[..., self.dims]

    def embed(self, y: Tensor) -> Tensor:
        """Points (..., d) of the latent space at coordinates (..., k), the others held.

        Raises
        ------
        TypeError, ValueError
            If they are no coordinates of the subspace.
        """
        self._check("y", y, len(self.dims))
        at = self.at.to(y)  # (d,)
        columns = [at[i].expand(y.shape[:-1]) for i in range(len(at))]  # d of (...)
        for place, dim in enumerate(self.dims):
            columns[dim] = y[..., place]
        return torch.stack(columns, -1)  # (..., d)

    def restrict(self, function: Callable[[Tensor], Value]) -> "Restricted[Value]":
        """A decoder, or a density, of points (M, d) as one of coordinates (M, k)."""
        return Restricted(self, function)

    def lift(self, curves: Tensor, z0: Tensor, z1: Tensor) -> Tensor:
        """Curves (B, T, k) in the subspace as curves (B, T, d) between points of the latent space.

        In the other coordinates they run straight, from those of ``z0`` to those of ``z1``.

        Parameters
        ----------
        curves : Tensor, shape (B, T, k)
            Points at T parameters equally spaced in [0, 1].
        z0, z1 : Tensor, shape (B, d)
            The ends.

        Raises
        ------
        TypeError, ValueError
            If these do not fit together.
        """
        self._check("curves", curves, len(self.dims))
        for name, z in (("z0", z0), ("z1", z1)):
            self._check(name, z, len(self.at))
        if curves.ndim != 3 or not z0.shape[:-1] == z1.shape[:-1] == curves.shape[:1]:
            raise ValueError(
                f"curves has shape {tuple(curves.shape)}, z0 {tuple(z0.shape)} and z1 "
                f"{tuple(z1.shape)}; expected (B, T, k), (B, d) and (B, d)"
            )
        check_alike("z0", z0, "z1", z1)
        t = torch.linspace(0, 1, curves.shape[1], dtype=z0.dtype, device=z0.device)[:, None]
        lifted = torch.lerp(z0[:, None], z1[:, None], t)  # (B, T, d)
        lifted[..., self.dims] = curves.to(lifted)
        return lifted

    def _check(self, name: str, x: Tensor, dims: int) -> None:
        check_points(name, x)
        if x.shape[-1] != dims:
            raise ValueError(f"{name} has shape {tuple(x.shape)}; expected (..., {dims})")


class Restricted(nn.Module, Generic[Value]):
    """A function of latent points (M, d) on a subspace, of coordinates (M, k).

    Parameters
    ----------
    subspace : Subspace
        Where it is taken.
    function : callable
        Such as a decoder or a log density; parameters of a module are this one's too.
    """

    def __init__(self, subspace: Subspace, function: Callable[[Tensor], Value]) -> None:
        super().__init__()
        self.subspace = subspace
        self.function = function

    @override
    def __call__(self, y: Tensor) -> Value:
        value: Value = super().__call__(y)
        return value

    @override
    def forward(self, y: Tensor) -> Value:
        """Return the function's value at coordinates (M, k)."""
        return self.function(self.subspace.embed(y))

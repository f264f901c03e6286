"""A Riemannian geometry by its own metric tensor, which no decoder is pulled back for."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from latent_transport.checks import check_points, check_precision, holds
from latent_transport.distributions.dirac import DiracFamily
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.contract import flatten_points
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.shapes import Unflattened

_POINTS = DiracFamily()  # of points and the metric there, whose distances are this geometry's own


class LatentMetric(Geometry):
    r"""The geometry of a metric tensor that is given at each latent point.

    .. math:: F(z, v)^2 = v^T M(z) v

    Such as the learned metric of a Riemannian Hamiltonian VAE (Chadebec & Allassonnière 2022,
    *Data augmentation in high dimensional low sample size setting*), or one from another package.
    The squared distance of two points is :math:`\Delta^T (M(z_0) + M(z_1)) \Delta / 2`: right to
    second order for neighbours on a curve, and no distance between far points. Refining a polygon
    may make it longer or shorter.

    Parameters
    ----------
    metric : callable
        Latent points (M, d) to metric tensors (M, d, d), symmetric and positive definite, or to
        their diagonals (M, d). Each point by itself; differentiable.
    latent_shape : sequence of int, optional
        As for :class:`Geometry`.

    Raises
    ------
    TypeError, ValueError
        From every measure, if the metric is no tensor of that shape, or not positive definite.

    Examples
    --------
    The hyperbolic half-plane, whose distance is :math:`2 \operatorname{asinh}(\ldots)`:

    >>> import torch
    >>> import latent_transport as lt
    >>> half_plane = lt.LatentMetric(lambda z: z[:, 1:].square().reciprocal().expand_as(z))
    >>> z0, z1 = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 2.0]])
    >>> lt.connecting_geodesics(half_plane, z0, z1).length
    tensor([0.6931])
    """

    def __init__(
        self, metric: Callable[[Tensor], Tensor], *, latent_shape: Sequence[int] | None = None
    ) -> None:
        if not callable(metric):
            raise TypeError(
                f"metric is a {type(metric).__name__}; expected a callable from latent points "
                "(M, d) to metric tensors (M, d, d), or diagonals (M, d)"
            )
        super().__init__(lambda z: z)
        self.metric = metric if latent_shape is None else Unflattened(metric, latent_shape)

    @override
    def decode(self, z: Tensor) -> Decoded:
        check_points("z", z)
        check_precision("z", z)
        flat = flatten_points(z)  # (M, d)
        root = self._root(flat)  # (M, d, d)
        p = torch.cat((flat, root.flatten(1)), -1)  # (M, d + d^2)
        return Decoded(_POINTS, p.view(*z.shape[:-1], p.shape[-1], 1))  # (..., d + d^2, 1)

    def _root(self, flat: Tensor) -> Tensor:
        """Lower triangular roots (M, d, d) of the metric at (M, d); nan where it has none."""
        dims = flat.shape[-1]
        tensor = self.metric(flat)  # (M, d, d) or (M, d)
        shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        whole, diagonal = (len(flat), dims, dims), tuple(flat.shape)
        if shape not in (whole, diagonal):
            raise ValueError(
                f"the metric maps latent points of shape {diagonal} to {shape}; expected tensors "
                f"{whole}, or diagonals {diagonal}"
            )
        if tensor.dtype != flat.dtype or tensor.device != flat.device:
            raise TypeError(
                f"the metric maps latent points of {flat.dtype} on {flat.device} to "
                f"{tensor.dtype} on {tensor.device}; expected the same: convert one with .to(...)"
            )
        if shape == diagonal:
            return torch.diag_embed(tensor.sqrt())  # (M, d, d)
        root, failed = torch.linalg.cholesky_ex((tensor + tensor.mT) / 2)
        return torch.where((failed > 0)[:, None, None], torch.nan, root)  # (M, d, d)

    @override
    def decode_with_checks(self, z: Tensor, name: str = "z") -> Decoded:
        p = self.decode(z)
        if not holds(torch.isfinite(p.coordinates)):
            raise ValueError(
                f"the metric at {name} is not finite, or not positive definite; check it, and the "
                "range of the points"
            )
        return p

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        z0, root0 = _split(p)  # (..., d), (..., d, d)
        z1, root1 = _split(q)
        roots = torch.cat((root0, root1), -1)  # (..., d, 2 d)
        change = (z1 - z0).unsqueeze(-1) * 0.5**0.5  # (..., d, 1)
        return roots.mT @ change  # (..., 2 d, 1)

    @override
    def local_residuals(self, p: Decoded, dp: Decoded) -> Tensor:
        _, root = _split(p)  # (..., d, d)
        velocity, _ = _split(dp)  # (..., d)
        return root.mT @ velocity.unsqueeze(-1)  # (..., d, 1)

    @override
    def lower_bound(self, z0: Tensor, z1: Tensor) -> Tensor:
        """No bound is known but 0: shape (...)."""
        return torch.zeros_like(self.distance(z0, z1))


def _split(p: Decoded) -> tuple[Tensor, Tensor]:
    """Points (..., d) and roots (..., d, d) from their coordinates (..., d + d^2, 1)."""
    values = p.coordinates.squeeze(-1)  # (..., d + d^2)
    dims = int(values.shape[-1] ** 0.5)  # as d^2 < d + d^2 < (d + 1)^2
    return values[..., :dims], values[..., dims:].unflatten(-1, (dims, dims))

"""The geometry of the Wasserstein-1 distance: the paper's."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from typing_extensions import override

from latent_transport.distributions.family import Family
from latent_transport.distributions.ground import GroundLike, make_ground
from latent_transport.geometries.base import Decoder, Geometry
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.indicatrix import DIRECTIONS, indicatrix_volume


class Wasserstein1(Geometry):
    r"""The pulled-back Wasserstein-1 distance of product distributions (Roy & Hauberg 2022).

    .. math:: d^2(z_0, z_1) = \sum_i W_1^2(p_i(\cdot | z_0), p_i(\cdot | z_1))

    W1 of each variable (Eq. 5), combined as a root of the sum of squares (Eq. 6), in units of the
    data: see :func:`latent_transport.product_wasserstein1`. A reversible Finsler structure: see
    :meth:`Geometry.tensor`.

    Parameters
    ----------
    decoder : callable
    latent_shape : sequence of int, optional
        As for :class:`Geometry`.
    ground : Tree, "discrete" or array-like of shape (n, n), optional
        How far the n classes of categorical distributions are apart, as for
        :func:`latent_transport.wasserstein1`. By default they are ordered: class i lies at the
        number i.
    directions : int, optional
        Directions at which the indicatrix is sampled for :meth:`volume`.

    Raises
    ------
    TypeError, ValueError
        If ``ground`` is no distance between classes, or none for which W1 has an exact form.
    """

    riemannian = False

    def __init__(
        self,
        decoder: Decoder,
        *,
        latent_shape: Sequence[int] | None = None,
        ground: GroundLike | None = None,
        directions: int = DIRECTIONS,
    ) -> None:
        super().__init__(decoder, latent_shape=latent_shape)
        self.ground = None if ground is None else make_ground(ground)
        self.directions = directions

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        distance = self._family(p).wasserstein1(p.coordinates, q.coordinates)  # (..., D)
        return distance.unsqueeze(-2)  # (..., 1, D)

    @override
    def local_residuals(self, p: Decoded, dp: Decoded) -> Tensor:
        norm = self._family(p).wasserstein1_norm(p.coordinates, dp.coordinates)  # (..., D)
        return norm.unsqueeze(-2)  # (..., 1, D)

    @override
    def residual_curvature(self, p: Decoded, q: Decoded) -> Tensor:
        return self._family(p).wasserstein1_curvature(
            p.coordinates, q.coordinates
        )  # (..., R, C, D)

    @override
    def volume(self, z: Tensor) -> Tensor:
        """Busemann-Hausdorff volume density, in two dimensions: see :func:`indicatrix_volume`."""
        return indicatrix_volume(self, z, directions=self.directions)

    def _family(self, p: Decoded) -> Family[Any]:
        return p.family if self.ground is None else p.family.on_ground(self.ground)

"""The geometry of the Wasserstein-1 distance: the paper's."""

import math

import torch
from torch import Tensor
from typing_extensions import override

from latent_transport.checks import check_finite, check_points
from latent_transport.geometries.base import Decoder, Geometry
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.memory import map_rows


class Wasserstein1(Geometry):
    r"""The pulled-back Wasserstein-1 distance of product distributions (Roy & Hauberg 2022).

    .. math:: d^2(z_0, z_1) = \sum_i W_1^2(p_i(\cdot | z_0), p_i(\cdot | z_1))

    W1 of each variable (Eq. 5), combined as a root of the sum of squares (Eq. 6), in units of the
    data: see :func:`latent_transport.product_wasserstein1`. A reversible Finsler structure: see
    :meth:`Geometry.tensor`.

    Parameters
    ----------
    decoder : callable
        As for :class:`Geometry`.
    directions : int, optional
        Directions at which the indicatrix is sampled for :meth:`volume`.
    """

    def __init__(self, decoder: Decoder, *, directions: int = 32) -> None:
        super().__init__(decoder)
        self.directions = directions

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        return p.family.wasserstein1(p.coordinates, q.coordinates).unsqueeze(-2)  # (..., 1, D)

    @override
    def local_residuals(self, p: Decoded, dp: Decoded) -> Tensor:
        norm = p.family.wasserstein1_norm(p.coordinates, dp.coordinates)  # (..., D)
        return norm.unsqueeze(-2)  # (..., 1, D)

    @override
    def residual_curvature(self, p: Decoded, q: Decoded) -> Tensor:
        return p.family.wasserstein1_curvature(p.coordinates, q.coordinates)  # (..., R, C, D)

    @override
    @outside_inference_mode()
    def volume(self, z: Tensor) -> Tensor:
        r"""Busemann-Hausdorff volume density of the Finsler structure, in two dimensions.

        The area of the Euclidean unit disc over the area of the indicatrix
        :math:`\{v : F(z, v) \le 1\}`, which is :math:`\tfrac12 \int_0^{2\pi} F(z,
        e(\theta))^{-2} d\theta`.

        Parameters
        ----------
        z : Tensor, shape (..., 2)

        Returns
        -------
        Tensor, shape (...)
            In units of the data squared, a unit of latent area.

        Raises
        ------
        NotImplementedError
            In other than two dimensions, where the indicatrix is no plane figure.
        TypeError, ValueError
            As :meth:`norm`.
        """
        check_points("z", z)
        if z.shape[-1] != 2:
            raise NotImplementedError(
                f"the volume of the W1 indicatrix is implemented for 2 latent dimensions; found "
                f"{z.shape[-1]}: use another geometry's volume, such as that of the W2 tensor"
            )
        check_finite("z", z)
        z = as_ordinary(z)
        self.check_decoder(z)
        return map_rows(self._volume, z)  # (...)

    def _volume(self, z: Tensor) -> Tensor:
        p, jacobian = self.decode_with_jacobian(z)
        p.check_finite("z")
        along_x, along_y = jacobian.coordinates  # (..., C, D) each
        angles = torch.arange(self.directions, dtype=z.dtype, device=z.device)  # (A,)
        angles = angles * (math.pi / self.directions)  # half a turn: the norm is reversible
        inverse_square = torch.zeros_like(z[..., 0])  # (...)
        for angle in angles:
            dp = torch.cos(angle) * along_x + torch.sin(angle) * along_y  # (..., C, D)
            squares = self.local_residuals(p, Decoded(p.family, dp)).square().sum((-2, -1))  # (...)
            inverse_square = inverse_square + 1 / squares
        return self.directions / inverse_square  # (...)

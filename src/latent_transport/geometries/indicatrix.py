"""The indicatrix of a Finsler geometry: its unit ball, and the volume that it defines."""

import math

import torch
from torch import Tensor

from latent_transport.checks import check_finite, check_points
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.memory import map_rows

DIRECTIONS = 32


@outside_inference_mode()
def indicatrix_volume(geometry: Geometry, z: Tensor, *, directions: int = DIRECTIONS) -> Tensor:
    r"""Busemann-Hausdorff volume density of a reversible Finsler structure, in two dimensions.

    The area of the Euclidean unit disc over the area of the indicatrix
    :math:`\{v : F(z, v) \le 1\}`, which is :math:`\tfrac12 \int_0^{2\pi} F(z,
    e(\theta))^{-2} d\theta`.

    Parameters
    ----------
    geometry : Geometry
        Gives the norm F.
    z : Tensor, shape (..., 2)
        Latent points.
    directions : int, optional
        Directions at which the indicatrix is sampled.

    Returns
    -------
    Tensor, shape (...)
        In units of the data squared, a unit of latent area.

    Raises
    ------
    NotImplementedError
        In other than two dimensions, where the indicatrix is no plane figure.
    TypeError, ValueError
        As :meth:`Geometry.norm`.
    """
    check_points("z", z)
    if z.shape[-1] != 2:
        raise NotImplementedError(
            f"the volume of the W1 indicatrix is implemented for 2 latent dimensions; found "
            f"{z.shape[-1]}: latent_transport.log_volume estimates it in any dimension"
        )
    check_finite("z", z)
    z = as_ordinary(z)
    geometry.check_decoder(z)

    def measure(z: Tensor) -> Tensor:
        p, jacobian = geometry.decode_with_jacobian(z)
        p.check_finite("z")
        along_x, along_y = jacobian.coordinates  # (..., C, D) each
        angles = torch.arange(directions, dtype=z.dtype, device=z.device)  # (A,)
        angles = angles * (math.pi / directions)  # half a turn: the norm is reversible
        inverse_square = torch.zeros_like(z[..., 0])  # (...)
        for angle in angles:
            dp = p.velocity(torch.cos(angle) * along_x + torch.sin(angle) * along_y)
            squares = geometry.local_residuals(p, dp).square().sum((-2, -1))  # (...)
            inverse_square = inverse_square + 1 / squares
        return directions / inverse_square  # (...)

    return map_rows(measure, z)  # (...)

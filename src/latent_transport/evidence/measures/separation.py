"""How far the geodesics of two geometries part."""

import torch
from torch import Tensor

from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import (
    equal_length_parameters,
    measure_curves,
    points_along,
)

CURVES_AT_ONCE = 16  # whose decoded points are held in memory together


def measure_separation(
    first: Geometry, first_curves: Tensor, second: Geometry, second_curves: Tensor
) -> dict[str, Tensor]:
    r"""Measure how far curves of two geometries part between the same ends.

    With both curves run through at constant speed, each in its own geometry,

    .. math:: \text{separation} = \frac{\max_{0 \le t \le 1} \|\gamma_1(t) - \gamma_2(t)\|}
              {\|z_1 - z_0\|},

    in the Euclidean distance of the latent space. The excess of a curve is
    :math:`l(\gamma) / l(\gamma^*) - 1`, with :math:`\gamma^*` the other curve and the length
    that of the other's geometry, in which :math:`\gamma^*` is the shortest.

    Parameters
    ----------
    first, second : Geometry
        The two geometries.
    first_curves, second_curves : Tensor, shapes (B, N, d) and (B, M, d)
        Their curves, as points equally spaced in the parameter; the ends of each pair differ.

    Returns
    -------
    dict of str to Tensor, each (B,)
        ``separation``; ``excess_first``, of the second curve under the first geometry; and
        ``excess_second``, of the first curve under the second geometry.

    Raises
    ------
    ValueError
        If the two sets of curves do not join the same ends.
    """
    _check_ends(first_curves, second_curves)
    count = max(first_curves.shape[1], second_curves.shape[1])
    fractions = torch.linspace(
        0, 1, count, dtype=first_curves.dtype, device=first_curves.device
    )  # (T,)
    apart = _at_fractions(first, first_curves, fractions) - _at_fractions(
        second, second_curves, fractions
    )  # (B, T, d)
    chord = (first_curves[:, -1] - first_curves[:, 0]).norm(dim=-1)  # (B,)

    def excess(geometry: Geometry, curves: Tensor, shortest: Tensor) -> Tensor:
        return measure_curves(geometry, curves)[0] / measure_curves(geometry, shortest)[0] - 1

    return {
        "separation": apart.norm(dim=-1).amax(-1) / chord,
        "excess_first": excess(first, second_curves, first_curves),
        "excess_second": excess(second, first_curves, second_curves),
    }


def _check_ends(first: Tensor, second: Tensor) -> None:
    if first.ndim != 3 or second.ndim != 3 or first[:, 0].shape != second[:, 0].shape:
        raise ValueError(
            f"curves of shapes {tuple(first.shape)} and {tuple(second.shape)}; expected (B, N, d) "
            "and (B, M, d)"
        )
    ends, others = first[:, [0, -1]], second[:, [0, -1]]  # (B, 2, d) each
    differ = ~torch.isclose(ends, others, rtol=1e-4, atol=1e-5).all(-1).all(-1)  # (B,)
    if differ.any():
        raise ValueError(
            f"{int(differ.sum())} of {len(first)} pairs of curves have different ends; give curves "
            "of the same pairs in the same order"
        )


def _at_fractions(geometry: Geometry, curves: Tensor, fractions: Tensor) -> Tensor:
    """Points (B, T, d) at fractions (T,) of the curves' own lengths."""
    with torch.no_grad():
        parameters = [
            equal_length_parameters(geometry, part, fractions)
            for part in curves.split(CURVES_AT_ONCE)
        ]
    return points_along(curves, torch.cat(parameters))

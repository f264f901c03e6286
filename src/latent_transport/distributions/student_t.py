"""Student's t distributions."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.distributions import StudentT
from typing_extensions import override

from latent_transport.checks import holds
from latent_transport.distributions.crossings import (
    Array,
    Law,
    crossing_wasserstein1,
    differentiate,
)
from latent_transport.distributions.family import Family, norm_by_slopes
from latent_transport.distributions.half_plane import half_plane_residuals

# Of the knots, in scales from the location; where three crossings may be, they are close.
QUARTERS = np.arange(0, 3.1, 0.25)
PLACES = np.concatenate(
    (QUARTERS, [3.5, 4, 5, 6, 8, 10, 14, 20, 30, 50, 100, 1e3, 1e4, 1e6, 1e9, 1e13])
)
PLACES = np.concatenate((-PLACES[:0:-1], PLACES))
SAME = 1e-5  # share by which rounding may make degrees of freedom differ


class StudentTLaw(Law):
    """Student's t distributions; parameters: location, scale and degrees of freedom."""

    @override
    def cdf(self, x: Array, *parameters: Array) -> Array:
        loc, scale, df = parameters
        return special.stdtr(df, (x - loc) / scale)

    @override
    def survival(self, x: Array, *parameters: Array) -> Array:
        loc, scale, df = parameters
        return special.stdtr(df, (loc - x) / scale)

    @override
    def density(self, x: Array, *parameters: Array) -> Array:
        loc, scale, df = parameters
        return _density((x - loc) / scale, df) / scale

    @override
    def below(self, x: Array, *parameters: Array) -> Array:
        loc, scale, df = parameters
        return scale * _standard_below((x - loc) / scale, df)

    @override
    def above(self, x: Array, *parameters: Array) -> Array:
        loc, scale, df = parameters
        return scale * _standard_below((loc - x) / scale, df)

    @override
    def below_slopes(self, x: Array, *parameters: Array) -> Sequence[Array]:
        loc, scale, df = parameters
        u = (x - loc) / scale
        # What lies above a place changes as what lies below its mirror image, and is small.
        by_df = scale * differentiate(_standard_below, 0, df - 1, -np.abs(u), df)
        return -special.stdtr(df, u), _deviation(u, df), by_df

    @override
    def mean(self, *parameters: Array) -> Array:
        return parameters[0]

    @override
    def mean_slopes(self, *parameters: Array) -> Sequence[Array]:
        none = np.zeros_like(parameters[0])
        return none + 1, none, none

    @override
    def knots(self, p: Array, q: Array) -> Array:
        (loc_p, scale_p, df_p), (loc_q, scale_q, df_q) = p, q
        if (df_p == df_q).all():  # one crossing, in between the two knots
            apart = scale_p != scale_q
            place = (loc_p * scale_q - loc_q * scale_p) / np.where(apart, scale_q - scale_p, 1)
            place, reach = np.where(apart, place, loc_p), np.minimum(scale_p, scale_q) / 2
            reach = np.maximum(reach, 1e-9 * np.abs(place))
            return np.stack((place - reach, place + reach))
        knots = [loc + scale * PLACES[:, None] for loc, scale, _ in (p, q)]
        return np.sort(np.concatenate(knots), 0)

    @override
    def signs(self, knots: Array, p: Array, q: Array) -> Array | None:
        (loc_p, scale_p, df_p), (loc_q, scale_q, df_q) = p, q
        if (df_p != df_q).any():
            return None
        # The wider one is the larger below the crossing, which may lie where all cdfs are 1.
        before = np.sign(scale_p - scale_q)  # (n,)
        shifted = np.sign(loc_q - loc_p)  # (n,)
        return np.stack([np.where(before == 0, shifted, sign * before) for sign in (1, -1)])

    @override
    def count_knots(self, parameters: int) -> int:
        return 2 * len(PLACES)


class StudentTFamily(Family[StudentT]):
    """Student's t distributions; coordinates (location, scale, degrees of freedom).

    The degrees may be learned and vary over the latent space: W1 is exact at any, as long as they
    are more than 1. W2 and Fisher-Rao are known where they are the same everywhere.
    """

    plural = "Student's t distributions"
    _law = StudentTLaw()

    @override
    def coordinates(self, distribution: StudentT) -> Tensor:
        """Coordinates (..., 3, D).

        Raises
        ------
        ValueError
            If the degrees of freedom are 1 or less: there is no mean, and W1 is infinite.
        """
        df = distribution.df  # (..., D)
        if not holds(~(df <= 1)):
            raise ValueError(
                f"a Student's t distribution has {float(df.min()):.6g} degrees of freedom, and no "
                "mean: its W1 to others is infinite; expected more than 1"
            )
        return torch.stack((distribution.loc, distribution.scale, df), -2)  # (..., 3, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return crossing_wasserstein1(self._law, p, q)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        _, scale, df = p.unbind(-2)  # (..., D) each
        widths = torch.stack((scale, scale, df - 1), -2)  # (..., 3, D)
        # The norm is the same everywhere, and next to 0 no rounding hides a small scale.
        at_zero = torch.stack((torch.zeros_like(scale), scale, df), -2)  # (..., 3, D)
        return norm_by_slopes(self.wasserstein1, at_zero, dp, widths)  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :]  # (..., D)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact for the same degrees of freedom: (..., 2, D).

        Raises
        ------
        ValueError
            If they differ, or are 2 or less.
        """
        _share_degrees("Wasserstein-2 distance", p, q, 2.0)
        dloc, dscale, _ = (p - q).unbind(-2)  # (..., D) each
        df = (p + q)[..., 2, :] / 2  # (..., D)
        return torch.stack((dloc, (df / (df - 2)).sqrt() * dscale), -2)  # (..., 2, D)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        dloc, dscale, change = dp.unbind(-2)  # (..., D) each
        _share_degrees("Wasserstein-2 distance", p, p, 2.0, change)
        df = p[..., 2, :]  # (..., D)
        return torch.stack((dloc, (df / (df - 2)).sqrt() * dscale), -2)  # (..., 2, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact for the same degrees of freedom, hyperbolic: (..., 2, D).

        Raises
        ------
        ValueError
            If they differ.
        """
        _share_degrees("Fisher-Rao distance", p, q, 1.0)
        df = (p + q)[..., 2, :] / 2  # (..., D)
        by_loc, by_scale = (df + 1) / (df + 3), 2 * df / (df + 3)  # (..., D) each
        aspect = (by_scale / by_loc).sqrt()
        at_p, at_q = (torch.stack((x[..., 0, :] / aspect, x[..., 1, :]), -2) for x in (p, q))
        width = by_scale.sqrt().unsqueeze(-2)  # (..., 1, D)
        return width * half_plane_residuals(at_p, at_q, 1.0)  # (..., 2, D)


def _share_degrees(
    distance: str, p: Tensor, q: Tensor, least: float, change: Tensor | None = None
) -> None:
    """Refuse degrees of freedom that differ, or change, or are too few."""
    first, second = p[..., 2, :], q[..., 2, :]  # (..., D) each
    same = (first - second).abs() <= SAME * first
    if change is not None:
        same = same & (change == 0)
    if not holds(same & (first > least)):
        raise ValueError(
            f"the {distance} of Student's t distributions is known for the same degrees of "
            f"freedom, of more than {least:g}; keep them fixed, or use the Wasserstein1 or the "
            "Euclidean geometry"
        )


def _density(u: Array, df: Array) -> Array:
    log = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * np.log(df * math.pi)
    return np.exp(log - (df + 1) / 2 * np.log1p(u * u / df))


def _deviation(u: Array, df: Array) -> Array:
    """E (u - U)^+ - u F(u), which is -E[U; U < u]."""
    return (df + u * u) / (df - 1) * _density(u, df)


def _standard_below(u: Array, df: Array) -> Array:
    return u * special.stdtr(df, u) + _deviation(u, df)

r"""Fisher information of gamma and beta distributions and of counts above 0.

In the logarithms of its shape a and its mean, a gamma distribution has the information
:math:`\mathrm{diag}(a^2 \psi_1(a) - a,\ a)`; in those of its concentrations a and b, with s their
sum, a beta distribution has

.. math:: \begin{pmatrix} a^2(\psi_1(a) - \psi_1(s)) & -ab\,\psi_1(s) \\
          -ab\,\psi_1(s) & b^2(\psi_1(b) - \psi_1(s)) \end{pmatrix}, \quad
          \psi_1(x) = \sum_{k \ge 0} (x + k)^{-2} .

A negative binomial of mean :math:`\mu` and dispersion :math:`\alpha` that is known not to be 0,
which it is with the probability :math:`f_0`, has in the logarithm of the mean the information

.. math:: \frac{\mu}{(1 - f_0)(1 + \alpha\mu)^2}
          \Big(1 + \alpha\mu - \frac{\mu f_0}{1 - f_0}\Big),

its variance over that of the untruncated one. Large parts of all of them cancel, so that they are
computed in double precision.
"""

import torch
from torch import Tensor

LARGE = 1e3  # from which a series is right to rounding
CLOSE = 1e-5  # to 0, where a series is right to more digits than a difference
NEAR = 0.5  # share of a sum below which a logarithm of a quotient is taken of the difference


def log_quotient(p: Tensor, q: Tensor) -> Tensor:
    """Log p - log q of positive numbers (...), accurate where they are close: (...)."""
    share = (p - q) / (p + q)  # (...)
    near = share.abs() < NEAR
    return torch.where(near, 2 * torch.where(near, share, 0).atanh(), p.log() - q.log())


def keep_positive(p: Tensor) -> Tensor:
    """Numbers (...) of the least normal one at least, with no slope where they are less."""
    return p.clamp(min=torch.finfo(p.dtype).tiny)  # (...)


def gamma_residuals(p: Tensor, q: Tensor) -> Tensor:
    r"""Residuals whose squares add up to squared Fisher-Rao lengths of neighbours.

    Parameters
    ----------
    p, q : Tensor, shape (..., 2, D)
        Shapes and means, positive.

    Returns
    -------
    Tensor, shape (..., 2, D)
        Differences of the logarithms, times the roots of the information at the shapes' geometric
        mean: right to second order.
    """
    by_shape, by_mean = log_quotient(p, q).unbind(-2)  # (..., D) each
    shape = (p[..., 0, :].double().log() + q[..., 0, :].double().log()).mul(0.5).exp()  # (..., D)
    weight = (shape * _excess(shape)).sqrt().to(p.dtype)  # (..., D)
    return torch.stack((weight * by_shape, shape.sqrt().to(p.dtype) * by_mean), -2)  # (..., 2, D)


def beta_residuals(p: Tensor, q: Tensor) -> Tensor:
    r"""Residuals whose squares add up to squared Fisher-Rao lengths of neighbours.

    Parameters
    ----------
    p, q : Tensor, shape (..., 2, D)
        Concentrations, positive.

    Returns
    -------
    Tensor, shape (..., 2, D)
        Differences of the logarithms, times a factor of the information at the concentrations'
        geometric means: right to second order.
    """
    first, second = log_quotient(p, q).unbind(-2)  # (..., D) each
    a, b = (p.double().log() + q.double().log()).mul(0.5).exp().unbind(-2)  # (..., D) each
    # The information is that of two gamma distributions less that of their sum, whose parts
    # a^2 / a, b^2 / b and s^2 / s leave (a b / s) (1, -1)^T (1, -1).
    s = a + b  # (..., D)
    x, y, z = _excess(a), _excess(b), _excess(s)  # (..., D) each
    both = a * b / s  # (..., D)
    rest_a, rest_b = a * x - a * a / s * z, b * y - b * b / s * z  # (..., D) each
    corner = (both + rest_a).sqrt()  # (..., D)
    # Of the determinant the squares of ``both`` cancel.
    determinant = both * (rest_a + rest_b - 2 * both * z)
    determinant = determinant + rest_a * rest_b - (both * z).square()  # (..., D)
    slope, height = -both * (1 + z) / corner, determinant.sqrt() / corner  # (..., D) each
    dtype = p.dtype
    residuals = corner.to(dtype) * first + slope.to(dtype) * second, height.to(dtype) * second
    return torch.stack(residuals, -2)  # (..., 2, D)


def positive_count_information(mean: Tensor, dispersion: Tensor, log_zero: Tensor) -> Tensor:
    r"""Fisher information of the logarithm of the mean, of counts that are known not to be 0.

    Parameters
    ----------
    mean, dispersion : Tensor, shape (...)
        Of negative binomials; of dispersion 0, Poisson distributions.
    log_zero : Tensor, shape (...)
        Minus the logarithm of their probability of 0.

    Returns
    -------
    Tensor, shape (...)
        In double precision, right to 1e-10: from :math:`(1 + \alpha)\mu/2` for small means to
        :math:`\mu/(1 + \alpha\mu)` for large ones.
    """
    mean, dispersion, x = mean.double(), dispersion.double(), log_zero.double()  # (...) each
    above = -torch.expm1(-x)  # (...), the probability of other counts
    reach = 1 + dispersion * mean  # (...)
    small = (1 + dispersion) * x < CLOSE
    near = torch.where(small, x, 0)  # (...)
    series = (1 + dispersion) * near / 2 * (1 + (4 * dispersion - 1) * near / 6)  # (...)
    far = reach - mean * (-x).exp() / above  # (...)
    return mean / above * torch.where(small, series, far) / reach.square()


def _excess(x: Tensor) -> Tensor:
    r""":math:`x\,\psi_1(x) - 1`, from 1/x at 0 down to 1/(2x), (...), in double precision."""
    large = x > LARGE
    far = torch.where(large, x, LARGE)  # (...)
    series = (0.5 + (1 / 6 - 1 / 30 / far.square()) / far) / far  # (...)
    near = torch.where(large, 1, x)  # (...)
    return torch.where(large, series, near * torch.polygamma(1, near) - 1)

"""Densities on the latent space: where the codes are."""

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from latent_transport.checks import check_alike, check_finite, check_points, holds
from latent_transport.memory import map_rows

COPIES = 4  # of a number a code, for each point whose density is computed


class AggregatePosterior(nn.Module):
    r"""Kernel estimate of the aggregate posterior.

    .. math:: \log q(z) = \log \frac1n \sum_{i=1}^n
              N(z; \mu_i, \operatorname{diag}(\sigma_i^2 + h^2))

    The mixture of the posteriors q(z|x_i), each widened by the bandwidth h in quadrature: the
    kernel density estimate of bandwidth h, had the codes been sampled from their posteriors.
    Everything is written in matrix products: P points take a few temporaries (P, n), no (P, n, d).

    Parameters
    ----------
    mean : Tensor, shape (n, d)
        Means of q(z|x_i).
    scale : Tensor, shape (n, d), optional
        Their standard deviations; 0 by default, for codes that are points.
    bandwidth : float, optional
        h, in latent units, at least 0. By default that of Scott's rule, :math:`n^{-1/(d+4)}` times
        the root mean square of the codes' standard deviations along the d axes (Scott 1992,
        *Multivariate density estimation*).
    components : int, optional
        Largest number of codes that are kept.
    generator : torch.Generator, optional
        Draws the codes to keep; needed where there are more than ``components``.

    Raises
    ------
    TypeError
        If mean and scale are no floating-point tensors of one dtype and device.
    ValueError
        If the shapes differ, there are fewer than two codes, or entries are not finite; if a scale
        or the bandwidth is negative, or both are 0; if less than two codes are to be kept, or a
        generator is missing.
    """

    centre: Tensor
    precision: Tensor
    weighted: Tensor
    constant: Tensor

    def __init__(
        self,
        mean: Tensor,
        scale: Tensor | None = None,
        bandwidth: float | Tensor | None = None,
        *,
        components: int = 2000,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if scale is None:
            check_points("mean", mean)
            scale = torch.zeros_like(mean)  # (n, d)
        for name, x in (("mean", mean), ("scale", scale)):
            check_points(name, x)
        if mean.ndim != 2 or mean.shape != scale.shape or len(mean) < 2:
            raise ValueError(
                f"mean has shape {tuple(mean.shape)}, scale {tuple(scale.shape)}; expected (n, d) "
                "of both, n at least 2"
            )
        check_alike("mean", mean, "scale", scale)
        check_finite("mean", mean)
        check_finite("scale", scale)
        if not holds(scale >= 0):
            raise ValueError("scale has negative entries; expected standard deviations")
        if bandwidth is not None and not 0 <= bandwidth < math.inf:
            raise ValueError(f"bandwidth is {bandwidth}; expected a finite number, at least 0")
        if components < 2:
            raise ValueError(f"components is {components}; expected at least 2")
        if len(mean) > components:
            if generator is None:
                raise ValueError(
                    f"{len(mean)} codes are more than components = {components}; give a generator "
                    "to draw from them, such as generator=torch.Generator().manual_seed(0), or "
                    f"keep them all with components={len(mean)}"
                )
            # Drawn on the generator's device: the same rows wherever the codes are.
            rows = torch.randperm(len(mean), generator=generator, device=generator.device)
            rows = rows[:components].to(mean.device)
            mean, scale = mean[rows], scale[rows]  # (n, d) each
        if bandwidth is None:
            n, d = mean.shape
            bandwidth = n ** (-1 / (d + 4)) * mean.var(0).mean().sqrt()
        variance = scale.square() + bandwidth**2  # (n, d)
        if not holds(variance > 0):
            raise ValueError(
                "scale and bandwidth are both 0 for some codes, which have no density; give a "
                "positive bandwidth"
            )
        # Squares are expanded around the codes' middle, where rounding matters least.
        centre = mean.mean(0)  # (d,)
        mean = mean - centre
        normaliser = variance.log().sum(-1) + mean.shape[1] * math.log(2 * math.pi)  # (n,)
        constant = (mean.square() / variance).sum(-1) + normaliser  # (n,)
        self.register_buffer("centre", centre)
        self.register_buffer("precision", 1 / variance)  # (n, d)
        self.register_buffer("weighted", mean / variance)  # (n, d)
        self.register_buffer("constant", -0.5 * constant - math.log(len(mean)))  # (n,)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density, in nats, of latent points (..., d): shape (...).

        Raises
        ------
        TypeError, ValueError
            If the points are no floating-point tensor of the codes' dtype, device and dimension.
        """
        check_points("z", z)
        check_alike("z", z, "the codes' centre", self.centre)
        size = COPIES * len(self.constant) * z.element_size()
        return map_rows(self._log_prob, z, bytes_a_row=size)  # (...)

    def _log_prob(self, z: Tensor) -> Tensor:
        z = z - self.centre  # (..., d)
        quadratic = -0.5 * (z.square() @ self.precision.mT) + z @ self.weighted.mT  # (..., n)
        return torch.logsumexp(quadratic + self.constant, -1)  # (...)

    @override
    def forward(self, z: Tensor) -> Tensor:
        """Log density, as :meth:`log_prob`."""
        return self.log_prob(z)

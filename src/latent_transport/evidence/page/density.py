"""Where a plane's codes are, as data for the weight that a page's geometries may have."""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.page.packing import pack
from latent_transport.storage import DataError

COMPONENTS = 2000


def pack_density(codes: Codes) -> dict[str, Any]:
    r"""Pack the kernel estimate of the aggregate posterior, of up to 2,000 training codes.

    .. math:: \log q(z) = \log \frac1n \sum_{i=1}^n
              N(z; \mu_i, \operatorname{diag}(\sigma_i^2 + h^2))

    as :class:`latent_transport.AggregatePosterior` has it, with the bandwidth h of Scott's rule.

    Parameters
    ----------
    codes : Codes
        Of training and validation images.

    Returns
    -------
    dict
        ``means`` and ``variances`` (n, 2), and ``reference``: the mean log density of the
        validation codes, at which weights are 1.

    Raises
    ------
    DataError
        If there are fewer than two training codes, or no validation codes.
    """
    train, validation = codes.of("train"), codes.of("validation")
    if len(train) < 2 or not len(validation):
        raise DataError(
            f"{codes.source} has codes of {len(train)} training and {len(validation)} validation "
            "images; a density needs at least 2 and 1"
        )
    chosen = train.take(np.linspace(0, len(train) - 1, min(len(train), COMPONENTS)).astype(int))
    mean, scale = chosen.mean.astype(np.float64), chosen.scale.astype(np.float64)  # (n, 2) each
    n, d = mean.shape
    bandwidth = n ** (-1 / (d + 4)) * np.sqrt(mean.var(axis=0, ddof=1).mean())
    variance = scale**2 + bandwidth**2  # (n, 2)
    levels = [_log_density(z, mean, variance) for z in validation.mean.astype(np.float64)]
    return {
        "means": pack(mean.astype(np.float32)),
        "variances": pack(variance.astype(np.float32)),
        "reference": float(np.mean(levels)),
    }


def _log_density(z: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> float:
    """Log density at a point (2,)."""
    logs = -0.5 * ((z - mean) ** 2 / variance + np.log(2 * np.pi * variance)).sum(axis=1)  # (n,)
    return float(logsumexp(logs) - np.log(len(logs)))

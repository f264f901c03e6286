"""W1 between discrete distributions given by their probabilities."""

from torch import Tensor


def categorical_wasserstein1(p: Tensor, q: Tensor) -> Tensor:
    r"""Wasserstein-1 distance of distributions on the integers 0, ..., n - 1, without checks.

    .. math:: W_1(p, q) = \sum_{i=1}^{n} |\varphi_i|, \qquad \varphi_i = \sum_{j \le i} (p_j - q_j)

    (Roy & Hauberg 2022, Eq. 5). :func:`latent_transport.wasserstein1_pmf` refuses what is no
    distribution.

    Parameters
    ----------
    p, q : Tensor, shape (..., n)
        Probabilities, broadcastable.

    Returns
    -------
    Tensor, shape (...)
        In units of the distance between neighbouring values.
    """
    return (p - q).cumsum(-1).abs().sum(-1)  # (...)

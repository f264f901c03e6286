r"""Wasserstein-1 of negative binomials, with more zeros or without, as exact sums over counts.

Of mean :math:`\mu` and dispersion :math:`\alpha` (variance :math:`\mu + \alpha\mu^2`, total count
:math:`1/\alpha`) the probabilities follow from each other,

.. math:: f(0) = (1 + \alpha\mu)^{-1/\alpha}, \qquad
          f(k + 1) = f(k) \, \frac{\mu (1 + \alpha k)}{(k + 1)(1 + \alpha\mu)},

and :math:`\alpha = 0` is a Poisson distribution. Where neither has the larger mean and weight and
the smaller dispersion at once, the cdfs may cross. With a weight w of the negative binomial and the
rest at 0, two cdfs differ at k by :math:`D(k) = w_p (F_p(k) - 1) - w_q (F_q(k) - 1)`, and
:math:`W_1 = \sum_k |D(k)|`.

The sum needs no truncation: the logarithm of the quotient of the probabilities is concave or convex
in k, so that it can be told when it will change its sign no more. From then on D keeps its sign,
and what is left is the difference of the means without what has been summed. The derivatives are
sums of

.. math:: \partial_\mu F(k) = -f(k) \frac{1 + \alpha k}{1 + \alpha\mu}, \qquad
          \partial_\alpha F(k) = \sum_{j \le k} f(j) \, \partial_\alpha \log f(j) .
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from latent_transport.distributions.family import norm_by_slopes
from latent_transport.kernels.autograd import apply_kernel, prepare_inputs

AT_ONCE = 1 << 16  # counts of all distributions that are summed together
FEWEST = 16  # counts of each
NEGLIGIBLE = 1e-18  # share of the means that may be left where no sign can be told
LAST = 1 << 22  # counts after which there is no distance to speak of: nan
SERIES = 0.03  # of the product of mean and dispersion, below which a difference is a series
TERMS = 10


def count_wasserstein1(p: Tensor, q: Tensor) -> Tensor:
    """Wasserstein-1 distance of negative binomials with a weight.

    Parameters
    ----------
    p, q : Tensor, shape (..., 3, D)
        Means and dispersions of the negative binomials, and their weights, the rest of the mass
        being at 0; broadcastable.

    Returns
    -------
    Tensor, shape (..., D)
        Exact but for rounding in double precision, in which it is computed, and for a share of
        1e-18 of the means; nan if cdfs may still cross beyond 4 million counts. Differentiable
        once, in forward and in reverse mode.
    """
    names = ("mean_p", "dispersion_p", "weight_p", "mean_q", "dispersion_q", "weight_q")
    parameters = (*p.unbind(-2), *q.unbind(-2))  # (..., D) each
    inputs, dtype = prepare_inputs(**dict(zip(names, parameters, strict=True)))
    return apply_kernel(_evaluate, *inputs).to(dtype)


def count_norm(p: Tensor, dp: Tensor) -> Tensor:
    """Local norm of :func:`count_wasserstein1`: (..., 3, D) twice to (..., D)."""
    return norm_by_slopes(count_wasserstein1, p, dp, p.abs())


def _evaluate(inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
    """Distances ``(...)`` and their partials ``(6, ...)``, or ``(0, ...)`` without."""
    first, shape = inputs[0], inputs[0].shape
    rows = 7 if with_partials else 1
    if first.is_meta:
        return torch.empty_like(first), first.new_empty((rows - 1, *shape))
    with torch.no_grad():
        parameters = torch.stack([x.double().reshape(-1) for x in inputs])  # (6, n)
        found = parameters.new_zeros(rows, parameters.shape[-1])  # (1 or 7, n)
        ordered = _are_ordered(*parameters.view(2, 3, -1))  # (n,)
        whole = _whole_sums(parameters, rows)  # (1 or 7, n)
        found[:, ordered] = (whole[0].sign() * whole)[:, ordered]
        some = (~ordered).nonzero().squeeze(-1)
        for part in some.split(AT_ONCE // FEWEST):
            found[:, part] = _sum_counts(parameters[:, part], with_partials)
    value, *partials = found.reshape(rows, *shape).to(first.dtype).unbind(0)  # (...) each
    empty = first.new_empty((0, *shape))
    return value.clone(), torch.stack(partials) if partials else empty


def _sum_counts(parameters: Tensor, with_partials: bool) -> Tensor:
    """Distances and their partials (1 or 7, n) for parameters (6, n)."""
    rows, count = 7 if with_partials else 1, parameters.shape[-1]
    result = parameters.new_full((rows, count), math.nan)
    left = torch.arange(count, device=parameters.device)  # those that are still summed
    both = parameters.view(2, 3, count).movedim(1, 0)  # (3, 2, n), of p and q
    whole = _whole_sums(parameters, rows)  # (rows, n)
    mean, dispersion, _ = both
    log = -log1p_quotient(dispersion, mean)  # (2, n), of the probability of the next count
    score = _first_score(dispersion, mean)  # (2, n), its derivative by the dispersion
    cdf, slope = torch.zeros_like(log), torch.zeros_like(log)  # (2, n) each, up to the next count
    signed, plain = (parameters.new_zeros(rows, count) for _ in range(2))  # (rows, n)
    start = 0
    while len(left) and start < LAST:
        size = min(max(FEWEST, AT_ONCE // len(left)), max(64, start))
        k = torch.arange(start, start + size, dtype=log.dtype, device=log.device)  # (size,)
        mean, dispersion, weight = (x.unsqueeze(-1) for x in both)  # (2, n, 1) each
        # Logarithms of the quotients of neighbouring probabilities, and sums of them.
        reach = 1 + dispersion * mean  # (2, n, 1)
        steps = mean.log() + torch.log1p(dispersion * k) - reach.log() - (k + 1).log()
        logs = log.unsqueeze(-1) + _sums_before(steps)  # (2, n, size + 1)
        f = logs[..., :-1].exp()  # (2, n, size)
        cdfs = cdf.unsqueeze(-1) + f.cumsum(-1)  # (2, n, size)
        first, second = weight * (cdfs - 1)  # (n, size) each
        difference = first - second  # (n, size)
        sign = difference.sign()  # (n, size)
        parts = [difference]
        if with_partials:
            change = k / (1 + dispersion * k) - mean / reach  # (2, n, size)
            scores = score.unsqueeze(-1) + _sums_before(change)  # (2, n, size + 1)
            slopes = slope.unsqueeze(-1) + (f * scores[..., :-1]).cumsum(-1)  # (2, n, size)
            by_mean = -f * ((1 + dispersion * k) / reach)  # (2, n, size)
            by = torch.stack((weight * by_mean, weight * slopes, cdfs - 1), 1)  # (2, 3, n, size)
            parts += [*by[0], *-by[1]]
            score, slope = scores[..., -1], slopes[..., -1]
        every = torch.stack(parts)  # (rows, n, size)
        signed = signed + (sign * every).sum(-1)
        plain = plain + every.sum(-1)
        log, cdf = logs[..., -1], cdfs[..., -1]
        start += size
        negligible = _is_negligible(both, log, start)  # (n,)
        done = negligible | _is_settled(both, log, start)
        rest = torch.where(negligible, 0, whole[:, left] - plain)  # (rows, n)
        total = signed + rest[0].sign() * rest  # (rows, n)
        result[:, left[done]] = total[:, done]
        keep = ~done
        left, both = left[keep], both[..., keep]
        log, cdf, slope, score = (x[:, keep] for x in (log, cdf, slope, score))
        signed, plain = signed[:, keep], plain[:, keep]
    return result


def _are_ordered(p: Tensor, q: Tensor) -> Tensor:
    """Whether one is stochastically larger for certain, in (3, n) parameters each: (n,).

    With the total count and with the probability of a success, that is with 1 / dispersion and with
    the dispersion times the mean, negative binomials grow; and with the weight.
    """

    def precedes(p: Tensor, q: Tensor) -> Tensor:
        (mean_p, dispersion_p, weight_p), (mean_q, dispersion_q, weight_q) = p, q
        grows = (mean_p <= mean_q) & (dispersion_p * mean_p <= dispersion_q * mean_q)
        return grows & (dispersion_p >= dispersion_q) & (weight_p <= weight_q)

    return precedes(p, q) | precedes(q, p)


def _whole_sums(parameters: Tensor, rows: int) -> Tensor:
    """Sums over all counts of the difference of the cdfs, and its partials: (rows, n)."""
    mean_p, _, weight_p, mean_q, _, weight_q = parameters
    none = torch.zeros_like(mean_p)
    sums = (
        weight_q * mean_q - weight_p * mean_p,
        *(-weight_p, none, -mean_p),
        *(weight_q, none, mean_q),
    )
    return torch.stack(sums[:rows])


def _is_settled(both: Tensor, log: Tensor, k: int) -> Tensor:
    """Whether the weighted probabilities of all counts from k on are in one order: (n,).

    The logarithm of their quotient has a slope that is monotone in k: if it is of one sign with the
    logarithm here and in the end, it is so always.
    """
    mean, dispersion, weight = both  # (2, n) each
    reach = mean / (1 + dispersion * mean)  # (2, n)
    here = (reach * (1 + dispersion * k)).log()  # (2, n)
    end = (reach * dispersion).log()  # (2, n), less log k, and -inf of Poisson distributions
    value = (log + weight.log()).diff(dim=0)[0]  # (n,)
    slope = here.diff(dim=0)[0]
    poisson = (dispersion == 0).all(0)
    limit = torch.where(poisson, slope, end.diff(dim=0)[0])
    up = (value >= 0) & (slope >= 0) & (limit >= 0)
    down = (value <= 0) & (slope <= 0) & (limit <= 0)
    return up | down | (weight == 0).any(0) | ~torch.isfinite(both).all(0).all(0)


def _is_negligible(both: Tensor, log: Tensor, k: int) -> Tensor:
    """Whether next to nothing of the means comes from counts beyond k: (n,).

    Probabilities fall at least by the factor r, so that their tail has a mean of f(k) r / (1 - r)^2
    beyond k at most.
    """
    mean, dispersion, weight = both  # (2, n) each
    reach = mean / (1 + dispersion * mean)  # (2, n)
    factor = torch.maximum(reach * (1 + dispersion * k) / (k + 1), reach * dispersion)  # (2, n)
    falls = factor < 1
    rest = log.exp() * factor / torch.where(falls, 1 - factor, 1).square()  # (2, n)
    share = (weight * rest).sum(0) / (weight * mean).sum(0)  # (n,)
    return falls.all(0) & (share <= NEGLIGIBLE)


def _sums_before(x: Tensor) -> Tensor:
    """Sums of the entries before each, and of all: (..., n) to (..., n + 1)."""
    return torch.nn.functional.pad(x.cumsum(-1), (1, 0))


def log1p_quotient(dispersion: Tensor, mean: Tensor) -> Tensor:
    """log(1 + dispersion mean) / dispersion, which is the mean where the dispersion is 0."""
    some = dispersion != 0
    unit = torch.where(some, dispersion, 1)
    return torch.where(some, torch.log1p(unit * mean) / unit, mean)


def _first_score(dispersion: Tensor, mean: Tensor) -> Tensor:
    """Derivative of the logarithm of the probability of 0 by the dispersion.

    With x the dispersion times the mean it is the mean squared times
    log(1 + x) / x^2 - 1 / (x (1 + x)), the sum of (-x)^n (n + 1) / (n + 2).
    """
    x = dispersion * mean
    near = x.abs() < SERIES
    small = torch.where(near, x, 0)
    series = torch.zeros_like(x)
    for n in range(TERMS, -1, -1):
        series = (n + 1) / (n + 2) - small * series
    large = torch.where(near, 1, x)
    return mean.square() * torch.where(
        near, series, (torch.log1p(large) - large / (1 + large)) / large.square()
    )

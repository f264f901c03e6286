r"""Exact Wasserstein-1 of mixtures of discretised logistics, summed edge by edge.

With weights :math:`\pi = \mathrm{softmax}(\mathrm{logits})` the cdf at the inner edges k = 0..254
is :math:`F(k) = \sum_j \pi_j \sigma((k + 1/2 - m_j)/s_j)`. Two mixtures of K logistics can cross
more than 2K - 1 times, so there is no closed form as for K = 1: the 255 differences are evaluated
block by block, together with the derivatives.

The difference of the cdfs is never taken between two numbers close to one. To the right of the
mixtures' centre the cdfs are replaced by their survival functions, and the components of the two
mixtures are paired,

.. math:: F_p - F_q = \sum_j (\pi_{pj} - \pi_{qj}) \sigma_{pj}
          + \pi_{qj} (\sigma_{pj} - \sigma_{qj}), \quad
          \sigma(a) - \sigma(b) = \tanh\tfrac{a - b}{2}
          \big(\sigma(a)\sigma(-b) + \sigma(b)\sigma(-a)\big),

with a - b and the difference of the weights computed from the differences of the parameters. So
neighbours on a curve keep all digits in float32, and the signs of the differences, hence the
gradient, are right. Derivatives with respect to the logits are
:math:`\pi_j (A_j - \sum_i \pi_i A_i)` with :math:`A_j = \sum_k \mathrm{sgn}_k \sigma_{jk}`.
"""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from latent_transport.kernels import native
from latent_transport.kernels.autograd import apply_kernel, is_tracked, prepare_inputs
from latent_transport.kernels.blocks import choose_size, map_blocks
from latent_transport.kernels.constants import EDGES
from latent_transport.kernels.dispatch import resolve_backend
from latent_transport.kernels.logistic import evaluate_blocks as evaluate_logistics
from latent_transport.kernels.mixture_terms import prepare, subtract_arguments, subtract_weights
from latent_transport.kernels.mixture_unrolled import evaluate as evaluate_unrolled

Z_MAX = 80.0  # sigmoid(-80) is nothing, and yet no denormal number, which would be slow
BLOCK = 1 << 18  # values a (2, ..., K, 255) temporary may hold; three of them fit the outer cache


def mixture_wasserstein1(
    logits_p: Tensor,
    loc_p: Tensor,
    scale_p: Tensor,
    logits_q: Tensor,
    loc_q: Tensor,
    scale_q: Tensor,
) -> Tensor:
    r"""Wasserstein-1 distance of mixtures of K discretised logistics on 0..255.

    .. math:: W_1(p, q) = \sum_{k=0}^{254} |F_p(k) - F_q(k)|, \quad
              F(k) = \sum_j \pi_j \sigma((k + 1/2 - m_j)/s_j)

    Parameters
    ----------
    logits_p, loc_p, scale_p, logits_q, loc_q, scale_q
        ``(..., K)``, broadcastable against each other; weights are ``softmax(logits)``, locations
        and scales in grey levels. Scales below 1e-5 count as 1e-5; scales, and locations on either
        side, beyond 1e15 as that. float16 and bfloat16 are
        computed in float32 and returned in their own type.

    Returns
    -------
    Tensor
        Distances in grey levels, ``(...)``, in float32 to about 1e-5 levels, which shows where all
        scales are far wider than the 256 levels. Equal distributions give exactly 0 and a gradient
        of exactly 0.

    Raises
    ------
    TypeError
        If an input is not a real floating-point tensor.
    ValueError
        If the inputs have no component dimension, or no component.
    NotImplementedError
        On a second derivative.

    Notes
    -----
    Value and partial derivatives come from one pass, which saves 6 K values a pair for the backward
    pass; nothing 255 wide is held for the whole batch. K = 1 costs no more than
    :func:`~latent_transport.kernels.logistic.logistic_wasserstein1`, to which it is handed on.

    References
    ----------
    Roy & Hauberg (2022), Eq. 5.
    """
    inputs, dtype = _prepare(
        logits_p=logits_p,
        loc_p=loc_p,
        scale_p=scale_p,
        logits_q=logits_q,
        loc_q=loc_q,
        scale_q=scale_q,
    )
    return apply_kernel(_evaluate_blocks, *inputs).to(dtype)


def mixture_wasserstein1_partials(
    logits_p: Tensor,
    loc_p: Tensor,
    scale_p: Tensor,
    logits_q: Tensor,
    loc_q: Tensor,
    scale_q: Tensor,
) -> tuple[Tensor, Tensor]:
    """Wasserstein-1 of mixtures and its partial derivatives, without autograd.

    Arguments as in :func:`mixture_wasserstein1`.

    Returns
    -------
    value
        Distances in grey levels, ``(...)``.
    partials
        ``(6, ..., K)``: derivatives with respect to the six arguments, in their order.
    """
    inputs, dtype = _prepare(
        logits_p=logits_p,
        loc_p=loc_p,
        scale_p=scale_p,
        logits_q=logits_q,
        loc_q=loc_q,
        scale_q=scale_q,
    )
    value, partials = _evaluate_blocks([x.detach() for x in inputs], with_partials=True)
    return value.to(dtype), partials.to(dtype)


def mixture_norm(
    logits: Tensor, loc: Tensor, scale: Tensor, dlogits: Tensor, dloc: Tensor, dscale: Tensor
) -> Tensor:
    r"""Local norm of pulled-back W1: the limit of W1(p, p + eps d) / eps for eps to 0.

    .. math:: \|d\| = \sum_{k=0}^{254} \Big| \sum_j \partial_{logits_j} F(k)\, dlogits_j
              + \partial_{m_j} F(k)\, dloc_j + \partial_{s_j} F(k)\, dscale_j \Big|

    Parameters
    ----------
    logits, loc, scale
        Mixture parameters, ``(..., K)``, locations and scales in grey levels.
    dlogits, dloc, dscale
        Their velocity. All six broadcast against each other.

    Returns
    -------
    Tensor
        Norms in grey levels per unit of the velocity's parameter, ``(...)``. Not meant to be
        differentiated.

    References
    ----------
    Roy & Hauberg (2022), Eq. 5, in the limit of neighbouring distributions.
    """
    inputs, dtype = _prepare(
        logits=logits, loc=loc, scale=scale, dlogits=dlogits, dloc=dloc, dscale=dscale
    )
    norm = inputs[0].new_empty(inputs[0].shape[:-1])
    if not is_tracked(inputs) and resolve_backend(*inputs) == "c":
        native.mixture_norm(inputs, norm)
        return norm.to(dtype)
    size = max(1, choose_size(norm, BLOCK) // (EDGES * inputs[0].shape[-1]))
    map_blocks(_evaluate_norm, inputs, (norm,), size)
    return norm.to(dtype)


def _prepare(**inputs: Tensor) -> tuple[list[Tensor], torch.dtype]:
    for name, x in inputs.items():
        if isinstance(x, Tensor) and x.ndim == 0:
            raise ValueError(
                f"{name} has no dimensions, expected (..., K) with K mixture components; a single "
                f"logistic is {name}.unsqueeze(-1)"
            )
    prepared, dtype = prepare_inputs(**inputs)
    if prepared[0].shape[-1] == 0:
        raise ValueError(
            f"{', '.join(inputs)} have shape {tuple(prepared[0].shape)}, expected (..., K) with "
            "at least one mixture component"
        )
    return prepared, dtype


def _evaluate_blocks(inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
    *shape, components = inputs[0].shape
    if components == 1:
        return _evaluate_single([x.squeeze(-1) for x in inputs], with_partials)
    value = inputs[0].new_empty(shape)
    partials = inputs[0].new_empty((6 if with_partials else 0, *shape, components))
    outputs = (value, *partials)
    size = max(1, choose_size(value, BLOCK) // (2 * components * EDGES))
    eager = functools.partial(_evaluate, with_partials=with_partials)
    match resolve_backend(value, *inputs):
        case "c":
            native.mixture_wasserstein1(inputs, value, partials)
        case "triton":
            from latent_transport.kernels import triton_mixture

            triton_mixture.launch(inputs, value, partials)
        case "traced":
            unrolled = functools.partial(evaluate_unrolled, with_partials=with_partials)
            map_blocks(unrolled, inputs, outputs, size)
        case "eager":
            map_blocks(eager, inputs, outputs, size)
    return value, partials


def _evaluate_single(inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
    """K = 1, where the logits have no effect, by the closed form."""
    _, loc_p, scale_p, _, loc_q, scale_q = inputs
    value, partials = evaluate_logistics((loc_p, scale_p, loc_q, scale_q), with_partials)
    if with_partials:
        zero = torch.zeros_like(value)
        partials = torch.stack((zero, partials[0], partials[1], zero, partials[2], partials[3]))
    return value, partials[..., None]


def _evaluate(
    logits_p: Tensor,
    loc_p: Tensor,
    scale_p: Tensor,
    logits_q: Tensor,
    loc_q: Tensor,
    scale_q: Tensor,
    with_partials: bool,
) -> tuple[Tensor, ...]:
    """Value ``(...)``, and if asked for its six partials ``(..., K)``."""
    weights, loc, scale, edges, side = prepare(
        torch.stack((logits_p, logits_q)),
        torch.stack((loc_p, loc_q)),
        torch.stack((scale_p, scale_q)),
    )
    rate = scale.reciprocal()  # (2, ..., K)
    # One allocation: temporaries of this size, one by one, would go back to the system after each
    # use and be faulted in again.
    scratch = loc.new_empty(9, *loc.shape[1:], EDGES)
    z, cdf, survival = scratch[:6].view(3, 2, *scratch.shape[1:])  # (2, ..., K, 255) each
    moved, change, term = scratch[6:]  # (..., K, 255) each
    torch.sub(edges, loc[..., None], out=z).mul_(rate[..., None]).clamp_(-Z_MAX, Z_MAX)
    torch.mul(z, side[..., None, :], out=cdf)
    torch.neg(cdf, out=survival).sigmoid_()
    cdf.sigmoid_()

    torch.mul(cdf[0], survival[1], out=moved).addcmul_(cdf[1], survival[0])
    slope, shift = subtract_arguments(loc, scale, rate)  # (..., K)
    torch.sub(edges, loc.mean(0)[..., None], out=term)
    torch.addcmul(0.5 * shift[..., None], term, 0.5 * slope[..., None], out=change).tanh_()
    moved.mul_(change).mul_(weights[1, ..., None])
    reweight = subtract_weights(logits_p - logits_q, weights)  # (..., K)
    torch.mul(cdf[0], reweight[..., None], out=term)
    difference = moved.sum(-2).mul_(side).add_(term.sum(-2))  # (..., 255)
    value = difference.abs().sum(-1)  # (...)
    if not with_partials:
        return (value,)

    sign = difference.sign_()
    density = survival.mul_(cdf).mul_((sign * side)[..., None, :])  # (2, ..., K, 255), signed
    rate *= -weights
    by_loc = rate * density.sum(-1)  # (2, ..., K)
    by_scale = rate * density.mul_(z).sum(-1)
    area = cdf.mul_(sign[..., None, :]).sum(-1)  # (2, ..., K)
    by_logits = weights * (area - (weights * area).sum(-1, keepdim=True))
    by_p, by_q = zip(by_logits, by_loc, by_scale, strict=True)
    return value, *by_p, *(-x for x in by_q)


def _evaluate_norm(
    logits: Tensor, loc: Tensor, scale: Tensor, dlogits: Tensor, dloc: Tensor, dscale: Tensor
) -> tuple[Tensor]:
    """Local norm, ``(...)``."""
    weights, loc, scale, edges, side = prepare(logits[None], loc[None], scale[None])
    weights, loc, scale, side = weights[0], loc[0], scale[0], side[..., None, :]
    dweights = weights * (dlogits - (weights * dlogits).sum(-1, keepdim=True))
    z = (edges - loc[..., None]).div_(scale[..., None])  # (..., K, 255)
    cdf = (z * side).sigmoid_()
    density = z.sigmoid().mul_((-z).sigmoid_())
    rate = (weights / scale)[..., None]
    dcdf = dweights[..., None] * cdf
    dcdf -= rate * density * side * (dloc[..., None] + z * dscale[..., None])
    return (dcdf.sum(-2).abs_().sum(-1),)

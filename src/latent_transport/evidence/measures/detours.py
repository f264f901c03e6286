"""How far the images on a path go out of their way from one end to the other."""

import torch
from torch import Tensor


def measure_detours(images: Tensor, features: Tensor) -> dict[str, Tensor]:
    r"""Measure how directly images lead from the first to the last.

    Likely images can be had by a long way round, through others than those at the ends; these
    measures charge for it. Distances are Euclidean, in units of that between the ends, :math:`d`.

    Parameters
    ----------
    images : Tensor, shape (B, T + 1, D)
        Successive images on B paths, ends included, T > 1; those at the ends differ.
    features : Tensor, shape (B, T + 1, F)
        Their features, in which images of another sort are far: pixels change monotonically along
        most paths, even where a seven becomes a six by way of a nought.

    Returns
    -------
    dict of Tensor, shape (B,)
        ``largest_step``, :math:`T \max_t \|x_{t+1} - x_t\| / d`, which is 1 for a cross-fade in
        equal steps; ``retreat``, how far in all the features :math:`f_t` come back towards the
        first and draw away from the last,

        .. math:: \frac1{2d} \sum_t \max(0, \|f_t - f_0\| - \|f_{t+1} - f_0\|)
                  + \max(0, \|f_{t+1} - f_T\| - \|f_t - f_T\|),

        0 where both distances are monotone; and ``fade_distance``, the mean distance of the images
        between the ends to the nearest point of the cross-fade of these.
    """
    first, last = images[:, :1], images[:, -1:]  # (B, 1, D) each
    whole = last - first  # (B, 1, D)
    apart = whole.norm(dim=-1).squeeze(-1)  # (B,)
    steps = images.diff(dim=1).norm(dim=-1)  # (B, T)
    from_first = (features - features[:, :1]).norm(dim=-1)  # (B, T + 1)
    to_last = (features - features[:, -1:]).norm(dim=-1)  # (B, T + 1)
    back = (-from_first.diff(dim=1)).clamp(min=0) + to_last.diff(dim=1).clamp(min=0)  # (B, T)
    inner = images[:, 1:-1]  # (B, T - 1, D)
    place = ((inner - first) * whole).sum(-1) / apart[:, None].square()  # (B, T - 1)
    nearest = torch.lerp(first, last, place.clamp(0, 1)[..., None])  # (B, T - 1, D)
    return {
        "largest_step": steps.shape[1] * steps.amax(-1) / apart,
        "retreat": back.sum(-1) / (2 * from_first[:, -1]),
        "fade_distance": (inner - nearest).norm(dim=-1).mean(-1) / apart,
    }

"""Smoothing of functions on codes by the heat kernel, as far as geodesic distances tell it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from latent_transport.checks import (
    check_alike,
    check_floating,
    check_points,
    check_precision,
    holds,
)
from latent_transport.geometries.base import Geometry
from latent_transport.statistics.distances import distance_matrix


def heat_kernel_smooth(
    geometry: Geometry,
    z: Tensor,
    values: Tensor,
    time: float | Sequence[float] | Tensor,
    others: Tensor | None = None,
    *,
    weights: Tensor | None = None,
    neighbours: int | None = None,
    progress: str | None = None,
    **options: Any,
) -> Tensor:
    r"""Smooth a function that is known on codes: its heat flow for a short time.

    .. math:: u_t(x) = \sum_i w_i \, e^{-d^2(x, z_i) / 4t} \, f_i
              \Big/ \sum_i w_i \, e^{-d^2(x, z_i) / 4t}

    with geodesic distances d. The exponential is the leading term of the kernel of
    :math:`\partial_t u = \Delta u` for short times: :math:`-4 t \log p_t(x, y) \to d^2(x, y)`. Its
    prefactor :math:`(4 \pi t)^{-d/2}` and what curvature adds to that, of the order of t times the
    curvature, are not computed: the weights are divided by their sum instead (Nadaraya-Watson), so
    that constants stay constant. It follows that it is the heat flow of a Riemannian geometry to
    first order in t, where codes lie to all sides, some :math:`\sqrt{2t}` apart or less, and each
    has as weight the volume that it stands for; at the border of the codes values are pulled
    inwards. Codes of a density q by volume, of equal weight, flow by
    :math:`\Delta + 2 \nabla \log q \cdot \nabla`: denser ones count for more, which the weights 1 /
    q take out. On Finsler geometries it is the smoother of that formula, and no heat flow is
    claimed. Brownian motion of :func:`sample_brownian` has half the generator: it takes twice the
    time.

    All times share the distances, which take the time. Sources: Varadhan (1967), *On the behavior
    of the fundamental solution of the heat equation with variable coefficients*; Nadaraya (1964),
    *On estimating regression*; Watson (1964), *Smooth regression analysis*; Coifman & Lafon (2006),
    *Diffusion maps*.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler.
    z : Tensor, shape (n, d)
        Codes, in latent units.
    values : Tensor, shape (n, ...)
        What is known on them: a number each, or a vector, such as one-hot labels.
    time : float, or Tensor or sequence, shape (T,)
        Time t, in squared units of the data: values are averaged over distances of about
        :math:`\sqrt{2t}` along each direction. Or several times.
    others : Tensor, shape (m, d), optional
        Points at which the smooth function is wanted, instead of the codes.
    weights : Tensor, shape (n,), optional
        Weights w of the codes, not negative; equal by default.
    neighbours : int, optional
        How many codes have a part in each value: the nearest, and for codes themselves as well; all
        by default. The others' part is small where :math:`d^2 \gg 4t` for the last of them.
    progress : str, optional
        Label of a progress bar of the pairs; there is none without.
    **options
        As for :func:`distance_matrix`.

    Returns
    -------
    Tensor, shape (n, ...) or (m, ...)
        In the values' unit, and with their gradient, but none by the points; (T, n, ...) or (T, m,
        ...) of several times. Codes to which a geodesic has no finite length have no part; nan
        where that is all of them.

    Warns
    -----
    RuntimeWarning
        If there are geodesics that did not converge.

    Raises
    ------
    TypeError, ValueError
        As :func:`distance_matrix`; also if values or weights are no (n, ...) and (n,) of the
        points' dtype and device or not finite, weights negative or all 0, or a time not positive.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> z = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    >>> values = torch.tensor([0.0, 3.0, 0.0])
    >>> times = torch.tensor([0.1, 1.0])
    >>> print(lt.heat_kernel_smooth(lt.Wasserstein1(decoder), z, values, times).numpy().round(2))
    [[0.   3.   0.  ]
     [0.8  1.73 0.8 ]]
    """
    for name, x in (("z", z), ("others", z if others is None else others)):
        check_points(name, x)
        if x.ndim != 2 or len(x) == 0:
            raise ValueError(f"{name} has shape {tuple(x.shape)}; expected (n, d), n > 0")
        check_alike("z", z[:1], name, x)
    check_precision("z", z)
    _check_one_each("values", z, values)
    logs = _check_weights(z, weights).log()  # (n,)
    times = _check_times(z, time)  # (T,) or ()
    squares, columns = _square_distances(geometry, z, others, neighbours, progress, options)
    flat = values.reshape(len(z), -1)  # (n, V)
    if columns is None:
        flows = [_shares(logs, squares, t) @ flat for t in times.reshape(-1)]  # (m, V) each
    else:
        near = flat[columns]  # (m, k, V)
        flows = [
            torch.einsum("mk,mkv->mv", _shares(logs[columns], squares, t), near)
            for t in times.reshape(-1)
        ]
    return torch.stack(flows).reshape(*times.shape, len(squares), *values.shape[1:])


def _shares(logs: Tensor, squares: Tensor, time: Tensor) -> Tensor:
    """Parts (m, k) of codes in a value, of their logarithmic weights and squared distances."""
    return (logs - squares / (4 * time)).softmax(-1)


def _square_distances(
    geometry: Geometry,
    z: Tensor,
    others: Tensor | None,
    neighbours: int | None,
    progress: str | None,
    options: dict[str, Any],
) -> tuple[Tensor, Tensor | None]:
    """Squared distances (m, k) from codes, and the numbers (m, k) of these unless all are in it."""
    first, second = (z, None) if others is None else (others, z)
    if neighbours is None:
        distances = distance_matrix(geometry, first, second, progress=progress, **options)
        return distances.nan_to_num(nan=torch.inf).square(), None
    sparse = distance_matrix(
        geometry, first, second, neighbours=neighbours, progress=progress, **options
    )
    columns = torch.from_numpy(sparse.indices).to(z.device, torch.int64)  # (m k,)
    distances = torch.from_numpy(sparse.data).to(z)  # (m k,)
    rows = sparse.shape[0]
    return distances.reshape(rows, -1).square(), columns.reshape(rows, -1)


def _check_one_each(name: str, z: Tensor, x: Tensor) -> None:
    check_floating(name, x, "(n, ...)", verb="are a")
    if x.ndim == 0 or len(x) != len(z):
        raise ValueError(
            f"{name} have shape {tuple(x.shape)}; expected ({len(z)}, ...), one for each code"
        )
    if x.dtype != z.dtype or x.device != z.device:
        raise TypeError(
            f"{name} are {x.dtype} on {x.device}, the codes {z.dtype} on {z.device}; expected the "
            "same: convert one with .to(...)"
        )
    if not holds(torch.isfinite(x)):
        raise ValueError(f"{name} have entries that are not finite; remove these and their codes")


def _check_weights(z: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return torch.ones_like(z[:, 0])  # (n,)
    _check_one_each("weights", z, weights)
    if weights.ndim != 1:
        raise ValueError(f"weights have shape {tuple(weights.shape)}; expected ({len(z)},)")
    if not (holds(weights >= 0) and holds(weights.sum() > 0)):
        raise ValueError("weights are negative, or all 0; expected positive numbers")
    return weights.detach()


def _check_times(z: Tensor, time: float | Sequence[float] | Tensor) -> Tensor:
    try:
        times = torch.as_tensor(time).to(z).detach()
    except (TypeError, ValueError, RuntimeError):
        times = z.new_empty(0)
    if times.ndim > 1 or times.numel() == 0 or not holds((times > 0) & torch.isfinite(times)):
        raise ValueError(f"time is {time!r}; expected a positive number, or several (T,)")
    return times

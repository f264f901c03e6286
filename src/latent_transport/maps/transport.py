"""Parallel transport: vectors carried along geodesics without turning."""

import warnings

import torch
from torch import Tensor

from latent_transport.checks import check_alike, check_finite, check_points
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.maps.exponential import split_points
from latent_transport.maps.momenta import invert, mixed_matrices
from latent_transport.maps.segments import continue_segments, end_slopes

STEPS = 8
MOST_STEPS = 128
TOLERANCE = 1e-3
RUNG = 1 / 128  # length of a ladder's rungs in float64, in steps along it
ROUNDED_RUNG = 1 / 16  # and in float32: short, since norms depend on the direction


def parallel_transport(
    geometry: Geometry,
    paths: Geodesics,
    v: Tensor,
    *,
    steps: int = STEPS,
    tolerance: float = TOLERANCE,
) -> Tensor:
    r"""Vectors at the ends of geodesics, parallel to those at their starts.

    .. math:: D_{\dot\gamma} V = 0, \qquad V(0) = v

    By the pole ladder: the points :math:`\gamma \pm \epsilon V` beside the path are reflected at
    the middle of each step, and their difference, turned round, is the vector at the step's end
    (Lorenzi & Pennec 2014, *Efficient parallel transport of deformations in time series of images*;
    Guigui & Pennec 2022, *Numerical accuracy of ladder schemes for parallel transport on
    manifolds*). A reflection makes the middle that of a discrete geodesic, as the steps of
    :func:`shoot_geodesics` do, so that no derivative of a metric tensor is taken. The error falls
    with the square of the steps, which are doubled until two numbers of them agree, and
    extrapolated.

    On Riemannian geometries this is the Levi-Civita connection: lengths and angles are kept. On
    Finsler geometries it is the linear connection with the path's velocity as reference vector, in
    which the Chern, Cartan and Berwald connections agree along geodesics: it keeps the inner
    product of the fundamental tensor :math:`\tfrac12 \nabla_v^2 F^2(\gamma, \dot\gamma)`, and the
    velocity itself, but not the norm F of other vectors (Bao, Chern &
    Shen 2000, *An introduction to Riemann-Finsler geometry*, Section 5.2).

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``: that of the paths.
    paths : Geodesics
        B geodesics between latent points, such as of ``connecting_geodesics``. Vectors turn by what
        lies between a path and the geodesic: solve with ``solver=GaussNewton(tolerance=1e-8)`` to
        have them to a thousandth.
    v : Tensor, shape (B, d) or (d,)
        Vectors at their starts, in latent units; a single one goes along each path.
    steps : int, optional
        Number of steps to begin with.
    tolerance : float, optional
        Error, relative to a vector's length, up to which the steps are doubled.

    Returns
    -------
    Tensor, shape (B, d)
        In latent units. There is no gradient.

    Warns
    -----
    RuntimeWarning
        If there are vectors that are not within the tolerance on 128 steps.

    Raises
    ------
    TypeError, ValueError
        If the vectors do not fit the paths or are not finite, ``steps`` is less than 1, or the
        tolerance is not positive.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> geometry = lt.Wasserstein1(decoder)
    >>> paths = lt.connecting_geodesics(geometry, torch.zeros(1, 2), torch.tensor([[0.5, 1.0]]))
    >>> lt.parallel_transport(geometry, paths, torch.tensor([1.0, 0.0])).round(decimals=4)
    tensor([[1., 0.]])
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"steps is {steps!r}; expected a whole number, 1 or more")
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; expected a positive number")
    check_points("v", v)
    if v.ndim > 2 or (v.ndim == 2 and len(v) not in (1, len(paths))):
        raise ValueError(
            f"v has shape {tuple(v.shape)}; expected ({len(paths)}, d), one for each path, or (d,)"
        )
    check_alike("v", v, "the paths' starts", paths.start)
    check_finite("v", v)
    with outside_inference_mode(), torch.no_grad():
        v = as_ordinary(v.detach()).expand_as(paths.start).contiguous()  # (B, d)
        ends, error = _transport(geometry, paths, v, steps, tolerance)  # (B, d), (B,)
    failures = int((~(error <= tolerance)).sum())
    if failures:
        warnings.warn(
            f"{failures} of {len(error)} vectors are not within the tolerance of {tolerance:g}; "
            "the paths may be no geodesics, or pass where the decoder has kinks",
            RuntimeWarning,
            stacklevel=2,
        )
    return ends


def _transport(
    geometry: Geometry, paths: Geodesics, v: Tensor, steps: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Transported vectors (B, d), and their errors (B,) relative to the vectors."""
    ends, error = v.clone(), torch.zeros_like(v[:, 0])  # (B, d), (B,)
    size = geometry.norm(paths.start, v)  # (B,)
    rows = ((size > 0) & (paths.length > 0)).nonzero().squeeze(-1)  # (b,)
    error[rows] = torch.inf
    coarse = v.clone()  # (B, d)
    count = steps
    while len(rows) and count <= max(MOST_STEPS, 2 * steps):
        fine = torch.cat(
            [
                _climb(geometry, paths[rows[part]], v[rows[part]], size[rows[part]], count)
                for part in split_points(geometry, v[rows])
            ]
        )  # (b, d)
        if count > steps:
            apart = geometry.norm(paths.end[rows], _or_zero(fine - coarse[rows])) / 3  # (b,)
            error[rows] = torch.where(_is_finite(fine), apart / size[rows], torch.nan)
            ends[rows] = fine + (fine - coarse[rows]) / 3
        coarse[rows] = fine
        rows = rows[~(error[rows] <= tolerance) & ~error[rows].isnan()]
        count *= 2
    return ends, error


def _climb(geometry: Geometry, paths: Geodesics, v: Tensor, size: Tensor, steps: int) -> Tensor:
    """Vectors (b, d) at the ends of the paths, by a ladder of so many rungs."""
    t = torch.linspace(0, 1, 2 * steps + 1, dtype=torch.float64, device=v.device)
    points = paths(t)  # (b, 2 steps + 1, d)
    half = paths.length / (2 * steps)  # (b,), from a rung to the middle of a step
    width = RUNG if v.dtype == torch.float64 else ROUNDED_RUNG
    scale = (2 * width * half / size).unsqueeze(-1)  # (b, 1)
    rung = scale * v  # (b, d)
    inverse = invert(
        mixed_matrices(geometry, points[:, 1], points[:, 0]).mT.contiguous()
    )  # (b, d, d)
    inverse = torch.cat((inverse, inverse))  # (2 b, d, d)
    for step in range(steps):
        start, middle, end = points[:, 2 * step : 2 * step + 3].unbind(1)  # (b, d) each
        sides = torch.cat((start + rung, start - rung))  # (2 b, d)
        middles = torch.cat((middle, middle))  # (2 b, d)
        _, momentum = end_slopes(geometry, sides, middles)  # (2 b, d)
        guess = torch.cat((end - rung, end + rung))  # (2 b, d)
        found, _, _ = continue_segments(
            geometry, middles, momentum, guess, torch.cat((half, half)), inverse
        )
        first, second = found.chunk(2)
        rung = (second - first) / 2  # (b, d)
    return rung / scale


def _is_finite(v: Tensor) -> Tensor:
    return torch.isfinite(v).all(-1)  # (b,)


def _or_zero(v: Tensor) -> Tensor:
    return torch.where(_is_finite(v).unsqueeze(-1), v, 0)

"""The mean metric tensor of curves, from their decoded velocities at a few places."""

import torch
from torch import Tensor

from latent_transport.geometries.base import Geometry
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.slopes import curvature_slopes, residual_slopes
from latent_transport.memory import count_rows

PLACES = 3  # on a curve
COPIES = 8  # of a point's decoded derivatives, while its tensor is computed


def mean_metric(geometry: Geometry, z: Tensor, *, memory: int | None = None) -> Tensor:
    r"""Mean of a few of the metric tensors along polygons, each brought to a trace of d.

    The tensor of the segment from p to q is half the Hessian of its squared length in p, less what
    the decoder's second derivatives add: :math:`J^T J` with J the Jacobian of the residuals, and
    what stands for their curvature (:meth:`Geometry.residual_curvature`). It takes d forward-mode
    products through the decoder at each of three points. Of the trace 1 a direction each, they tell
    which directions are stiff and which are soft, wherever on the curve the metric is large or
    small as a whole.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    z : Tensor, shape (b, N, d)
        Corners of the polygons.
    memory : int, optional
        Bytes that the temporaries may take; decides how many points are differentiated at once. By
        default :data:`latent_transport.memory.MEMORY`.

    Returns
    -------
    Tensor, shape (b, d, d)
        Symmetric, without a unit.
    """
    batch, count, dims = z.shape
    segments = count - 1
    places = ((torch.arange(PLACES, device=z.device) + 0.5) * segments / PLACES).long()  # (K,)
    first, second = z[:, places], z[:, places + 1]  # (b, K, d) each
    total = z.new_zeros(batch * PLACES, dims, dims)  # (b K, d, d)
    with torch.no_grad():
        p, q = (geometry.decode(x.flatten(0, 1)) for x in (first, second))  # of (b K)
        bytes_each = COPIES * (dims + 1) * (p.numel() // len(total)) * p.element_size()
        step = count_rows(bytes_each, memory)  # points
        for start in range(0, len(total), step):
            part = slice(start, start + step)
            total[part] = segment_tensors(geometry, first.flatten(0, 1)[part], q[part])
    size = total.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]  # (b K, 1, 1)
    shares = total / size.clamp(min=torch.finfo(z.dtype).tiny)
    return shares.unflatten(0, (batch, PLACES)).mean(1)


def segment_tensors(geometry: Geometry, z: Tensor, q: Decoded) -> Tensor:
    """Metric tensors (m, d, d) at points z (m, d), for segments to decoded points q of (m,).

    Positive semi-definite; none of their temporaries is bounded.
    """
    p, jacobian = geometry.decode_with_jacobian(z)  # of (m,) and (d, m)
    total = z.new_zeros(len(z), z.shape[-1], z.shape[-1])  # (m, d, d)

    def residuals(at: Decoded) -> Tensor:
        return geometry.residuals(at, q)  # (m, M, D)

    for _, (slopes,) in residual_slopes(residuals, (p,), (jacobian,)):
        _add_square(total, slopes)
    covectors = geometry.residual_curvature(p, q)  # (m, R, C, D)
    if covectors.shape[-3]:
        _add_square(total, curvature_slopes(covectors, (jacobian, jacobian))[0])
    return total


def _add_square(total: Tensor, slopes: Tensor) -> None:
    """Add to matrices (m, d, d) the squares of slopes (d, m, M, D)."""
    rows = slopes.movedim(0, 1).flatten(-2)  # (m, d, M D)
    total.baddbmm_(rows, rows.mT)

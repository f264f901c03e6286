"""Geodesic distances: of pairs, with gradients, and of all pairs of many points."""

from typing import Any, overload

import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from tqdm import tqdm
from typing_extensions import override

from latent_transport.checks import check_alike, check_finite, check_points
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.maps.logarithm import TOLERANCE, warn_of_failures
from latent_transport.maps.momenta import end_momenta
from latent_transport.statistics.neighbours import nearest_distances

PAIRS_AT_ONCE = 1024


def geodesic_distance(geometry: Geometry, z0: Tensor, z1: Tensor, **options: Any) -> Tensor:
    r"""Lengths of the geodesics between pairs of latent points, differentiable in the points.

    By the first variation of the length, with the geodesic's velocities at its ends,

    .. math:: \nabla_{z_0} d = -\nabla_v F(z_0, \dot\gamma(0)), \qquad
              \nabla_{z_1} d = \nabla_v F(z_1, \dot\gamma(1)),

    so that no step of the solver is differentiated. It is the gradient by the points alone, not by
    the decoder's parameters, and has no further derivative. Where several geodesics are shortest,
    the distance has none; there it is that of the one that was found. Source: Bao, Chern & Shen
    (2000), *An introduction to Riemann-Finsler geometry*.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler.
    z0, z1 : Tensor, shape (B, d) or (d,)
        Endpoints, in latent units; a single one is paired with each of the others.
    **options
        As for :func:`connecting_geodesics`. The solver is ``GaussNewton(tolerance=1e-8)`` by
        default: a gradient is off by the root of what the energy is off by.

    Returns
    -------
    Tensor, shape (B,)
        In units of the data; nan where the geodesic passes where the decoder's parameters are not
        finite. The gradient is 0 where the ends are equal.

    Warns
    -----
    RuntimeWarning
        If there are geodesics that did not converge.

    Raises
    ------
    TypeError, ValueError
        As :func:`connecting_geodesics`.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> z0, z1 = torch.zeros(1, 2), torch.tensor([[0.3, 0.4]], requires_grad=True)
    >>> distance = lt.geodesic_distance(lt.Wasserstein1(decoder), z0, z1)
    >>> distance.sum().backward()
    >>> print(round(distance.item(), 4), z1.grad.numpy().round(4).tolist())
    1.0 [[1.2..., 1.6...]]
    """
    options = {"solver": GaussNewton(tolerance=TOLERANCE), **options}
    for name, z in (("z0", z0), ("z1", z1)):
        check_points(name, z)
    check_alike("z0", z0, "z1", z1)
    if z0.ndim <= 2 and z1.ndim <= 2:
        z0, z1 = torch.broadcast_tensors(torch.atleast_2d(z0), torch.atleast_2d(z1))
    distance: Tensor = _GeodesicDistance.apply(geometry, z0, z1, options)
    return distance


class _GeodesicDistance(torch.autograd.Function):
    """Lengths (B,) of geodesics, with the momenta at their ends as gradients."""

    @staticmethod
    @override
    def forward(
        ctx: FunctionCtx, geometry: Geometry, z0: Tensor, z1: Tensor, options: dict[str, Any]
    ) -> Tensor:
        """Solve; the momenta are computed only where they are asked for."""
        with outside_inference_mode():
            paths = connecting_geodesics(geometry, z0, z1, **options)
            warn_of_failures(paths.report.outcome, stacklevel=4)
            length = paths.length  # (B,)
            if any(ctx.needs_input_grad):  # type: ignore[attr-defined]
                first, last = end_momenta(geometry, paths.curve, paths.start)  # (B, d) each
                inverse = torch.where(length == 0, 0, 1 / length).unsqueeze(-1)  # (B, 1)
                ctx.save_for_backward(-first * inverse, last * inverse)
        return length

    @staticmethod
    @override
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[None, Tensor, Tensor, None]:
        """Chain rule."""
        first, last = ctx.saved_tensors  # (B, d) each
        return None, outer.unsqueeze(-1) * first, outer.unsqueeze(-1) * last, None


@overload
def distance_matrix(
    geometry: Geometry,
    z: Tensor,
    others: Tensor | None = None,
    *,
    neighbours: None = None,
    progress: str | None = None,
    **options: Any,
) -> Tensor: ...
@overload
def distance_matrix(
    geometry: Geometry,
    z: Tensor,
    others: Tensor | None = None,
    *,
    neighbours: int,
    progress: str | None = None,
    **options: Any,
) -> csr_matrix: ...
def distance_matrix(
    geometry: Geometry,
    z: Tensor,
    others: Tensor | None = None,
    *,
    neighbours: int | None = None,
    progress: str | None = None,
    **options: Any,
) -> Tensor | csr_matrix:
    """Geodesic distances of all pairs of latent points.

    Each pair of one set is solved once, so that the matrix is symmetric, with a zero diagonal. A
    number of pairs at once, whatever the number of points, keeps the memory bounded. The time
    grows with the pairs: n (n - 1) / 2 geodesics. The matrix serves whatever takes distances
    instead of points, such as scikit-learn's estimators with ``metric="precomputed"``.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or reversible Finsler, as all of ours are.
    z : Tensor, shape (n, d)
        Points, in latent units.
    others : Tensor, shape (m, d), optional
        Points whose distances from the first are wanted, instead of theirs from each other.
    neighbours : int, optional
        How many of the nearest are wanted of each point, itself left out; all by default. Geodesics
        are solved in the order of lower bounds (:meth:`Geometry.lower_bound`, the distance of the
        decoded points) until no bound that is left is below the distance of the last neighbour,
        which certifies that none is nearer, but for the solver's error. The bounds themselves
        decode n m pairs.
    progress : str, optional
        Label of a progress bar of the pairs; there is none without.
    **options
        As for :func:`connecting_geodesics`, but for its checkpoint.

    Returns
    -------
    Tensor, shape (n, m) or (n, n)
        In units of the data, on the device of the points; nan where a geodesic has no finite
        length. There is no gradient. With ``neighbours``, a sparse matrix of SciPy, which
        scikit-learn takes as ``metric="precomputed"``: rows of so many entries, from the nearest
        on, and before them the point itself, at 0, in a matrix of one set; infinite where a
        geodesic has no finite length.

    Warns
    -----
    RuntimeWarning
        If there are geodesics that did not converge.

    Raises
    ------
    TypeError, ValueError
        As :func:`connecting_geodesics`; also if the points are no (n, d), there are not so many
        neighbours, or a checkpoint is asked for.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> z = torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.6, 0.8]])
    >>> distances = lt.distance_matrix(lt.Wasserstein1(decoder), z)
    >>> print(distances.numpy().round(3).tolist())
    [[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]]
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> classifier = KNeighborsClassifier(1, metric="precomputed").fit(distances, [0, 0, 1])
    >>> new = torch.tensor([[0.1, 0.1], [0.7, 0.7]])
    >>> print(classifier.predict(lt.distance_matrix(lt.Wasserstein1(decoder), new, z)))
    [0 1]
    """
    if "checkpoint" in options:
        raise TypeError(
            "distance_matrix takes no checkpoint, whose folder is of one call of "
            "connecting_geodesics: solve the pairs with that, or blocks of rows one by one"
        )
    columns = z if others is None else others
    for name, points in (("z", z), ("others", columns)):
        check_points(name, points)
        if points.ndim != 2 or len(points) == 0:
            raise ValueError(f"{name} has shape {tuple(points.shape)}; expected (n, d), n > 0")
        check_finite(name, points)
    if others is not None:
        check_alike("z", z[:1], "others", columns[:1])
    with outside_inference_mode(), torch.no_grad():
        z, columns = as_ordinary(z), as_ordinary(columns)
        if neighbours is not None:
            _check_neighbours(neighbours, len(columns) - (others is None))
            return nearest_distances(
                geometry,
                z,
                columns,
                neighbours,
                symmetric=others is None,
                progress=progress,
                options=options,
                stacklevel=4,
            )
        return _solve_pairs(geometry, z, columns, others is None, progress, options)


def _check_neighbours(neighbours: int, most: int) -> None:
    whole = isinstance(neighbours, int) and not isinstance(neighbours, bool)
    if not whole or not 1 <= neighbours <= most:
        raise ValueError(f"neighbours is {neighbours!r}; expected a whole number from 1 to {most}")


def _solve_pairs(
    geometry: Geometry,
    rows: Tensor,
    columns: Tensor,
    symmetric: bool,
    progress: str | None,
    options: dict[str, Any],
) -> Tensor:
    """Distances (n, m), of each pair below the diagonal or of every one."""
    matrix = rows.new_zeros(len(rows), len(columns))  # (n, m)
    total = len(rows) * (len(rows) - 1) // 2 if symmetric else matrix.numel()
    outcomes = []
    with tqdm(total=total, desc=progress, unit="pair", disable=progress is None) as bar:
        for start in range(0, total, PAIRS_AT_ONCE):
            numbers = torch.arange(start, min(total, start + PAIRS_AT_ONCE), device=rows.device)
            i, j = _count_off(numbers, len(columns), symmetric)  # (b,) each
            paths = connecting_geodesics(geometry, rows[i], columns[j], **options)
            matrix[i, j] = paths.length
            if symmetric:
                matrix[j, i] = paths.length
            outcomes.append(paths.report.outcome)
            bar.update(len(numbers))
    if outcomes:
        warn_of_failures(torch.cat(outcomes), stacklevel=4)
    return matrix


def _count_off(numbers: Tensor, columns: int, symmetric: bool) -> tuple[Tensor, Tensor]:
    """Rows and columns (b,) of the pairs of those numbers, of a matrix or below its diagonal."""
    if not symmetric:
        return numbers // columns, numbers % columns
    # Row i has i pairs: the first of them has the number i (i - 1) / 2.
    row = ((1 + (1 + 8 * numbers.double()).sqrt()) / 2).long()  # (b,), but for rounding
    row = row - (row * (row - 1) // 2 > numbers).long()
    row = row + (row * (row + 1) // 2 <= numbers).long()
    return row, numbers - row * (row - 1) // 2

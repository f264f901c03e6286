"""The published way: StochMan's splines and its energy minimisation, on our geometries."""

import time

import torch
from torch import Tensor
from typing_extensions import override

from latent_transport.geodesics.curves import CubicSpline, Curve
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.base import Geometry

try:
    from stochman.curves import CubicSpline as StochManSpline
    from stochman.geodesic import geodesic_minimizing_energy
    from stochman.manifold import Manifold

    _missing: ImportError | None = None
except ImportError as error:
    _missing = error  # told to those who use what follows, not to all who import its name
    Manifold = object


def _require_stochman() -> None:
    if _missing is not None:
        raise ImportError(
            "StochMan and StochManManifold need the extra 'stochman': "
            f"pip install 'latent-transport[stochman]' ({_missing})"
        ) from _missing


class StochManManifold(Manifold):  # type: ignore[misc]  # StochMan has no types
    """A geometry as a :class:`stochman.manifold.Manifold` (Detlefsen et al. 2021, *StochMan*).

    Parameters
    ----------
    geometry : Geometry
        The geometry of the latent space.
    """

    def __init__(self, geometry: Geometry) -> None:
        _require_stochman()
        super().__init__()
        self.geometry = geometry

    def curve_energy(self, curve: Tensor, reduction: str | None = "sum") -> Tensor:
        r"""Sum of squared segment lengths, :math:`\sum_n d^2(\gamma_n, \gamma_{n+1})`.

        StochMan's convention: unlike :meth:`Geometry.curve_energy`, without the factor N - 1.

        Parameters
        ----------
        curve : Tensor, shape (N, d) or (B, N, d)
            Successive points.
        reduction : {"sum", "mean", "none", None}
            Over the batch.

        Returns
        -------
        Tensor, shape () or (B,)
            In squared units of the data.
        """
        points = curve if curve.ndim == 3 else curve[None]  # (B, N, d)
        energy = self.geometry.polygon_energy(points) / (points.shape[1] - 1)  # (B,)
        if reduction in (None, "none"):
            return energy
        return energy.mean() if reduction == "mean" else energy.sum()

    def curve_length(self, curve: Tensor) -> Tensor:
        """Length of curves (N, d) or (B, N, d) (Roy & Hauberg 2022, Eq. 7).

        Shape (B,), with B = 1 for a single curve, in units of the data.
        """
        return self.geometry.curve_length(curve if curve.ndim == 3 else curve[None])

    def metric(self, points: Tensor) -> Tensor:
        """Metric tensor at ``points`` (N, d): (N, d, d).

        For the pulled-back W1, whose tensor depends on the direction, the one along the diagonal
        (1, ..., 1) of the latent space.
        """
        return self.geometry.tensor(points, torch.ones_like(points))


class StochMan:
    """Solver that minimises the energy as published: StochMan's spline, Adam with rate 0.1.

    The way of Roy & Hauberg (2022), by the package of Detlefsen et al. (2021), *StochMan*.
    Each step moves every curve by its own gradient, so that a batch gives what one pair at a time
    would. StochMan's cubic spline is only once continuously differentiable.

    Parameters
    ----------
    max_iterations : int
        Adam's steps (StochMan's default: 150).
    nodes : int
        Nodes of the spline, ends included (StochMan's default: 5).
    """

    threshold = 1e-4  # StochMan's criterion for convergence, on the largest gradient entry

    def __init__(self, *, max_iterations: int = 150, nodes: int = 5) -> None:
        _require_stochman()
        self.max_iterations = max_iterations
        self.nodes = nodes

    def minimize(self, geometry: Geometry, spline: CubicSpline, t: Tensor) -> tuple[Curve, Report]:
        """Minimise from the straight line between the ends of ``spline``, at ``len(t)`` points.

        Parameters
        ----------
        geometry : Geometry
            Measures the segments.
        spline : CubicSpline
            B curves, of which the ends (B, d) count alone.
        t : Tensor, shape (N,)
            As many parameters as the energy is to have points; these are equally spaced.

        Returns
        -------
        tuple of callable and Report
            The curves, (T,) to (B, T, d), and what was done for each.
        """
        begin = time.perf_counter()
        manifold = _Recorder(geometry)
        curve = StochManSpline(spline.start, spline.end, num_nodes=self.nodes).to(t.device)
        most, count = self.max_iterations, len(t)
        with torch.enable_grad():
            geodesic_minimizing_energy(curve, manifold, max_iter=most, eval_grid=count)
        gradient = curve.params.grad  # (B, parameters, d)
        curve.requires_grad_(False)
        history = (len(t) - 1) * torch.stack(manifold.energies)  # (iterations, B)
        small = gradient.abs().amax((1, 2)) < self.threshold  # (B,)
        report = Report(
            torch.where(small, int(Outcome.CONVERGED), int(Outcome.BUDGET)),
            torch.full_like(gradient[:, 0, 0], len(history), dtype=torch.int64),
            history[-1],
            gradient.flatten(1).norm(dim=1),
            history,
            time.perf_counter() - begin,
        )
        shape = spline.start.shape

        def evaluate(at: Tensor) -> Tensor:
            return curve(at.to(spline.start)).view(shape[0], -1, shape[1])  # (B, T, d)

        return evaluate, report


class _Recorder(StochManManifold):
    """Keeps each curve's energy at each step."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(geometry)
        self.energies: list[Tensor] = []

    @override
    def curve_energy(self, curve: Tensor, reduction: str | None = "sum") -> Tensor:
        energy = super().curve_energy(curve, None)  # (B,)
        self.energies.append(energy.detach())
        return energy.sum()

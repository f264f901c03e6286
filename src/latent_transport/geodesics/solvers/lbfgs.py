"""Limited-memory BFGS on the control points of many curves."""

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.rounding import square_noise
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.batches import Finish, minimize_in_batches
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.descent import Descent
from latent_transport.geodesics.solvers.newton import Newton
from latent_transport.geodesics.solvers.preconditioners import choose_preconditioner, is_dense
from latent_transport.geodesics.solvers.stopping import Stopping
from latent_transport.geometries.base import Geometry
from latent_transport.memory import MEMORY


@dataclass(frozen=True, kw_only=True)
class LBFGS:
    """Limited-memory BFGS over the control points, each curve with a memory of its own.

    The two-loop recursion (Nocedal & Wright 2006, Algorithm 7.4) runs on all curves at once, from
    the metric along each curve, so that no unit matters. Step lengths, acceptance (Armijo) and
    stopping are each curve's own. A curve whose steps bring nothing more is put to the second-order
    test that :class:`GaussNewton` goes by; where it fails, the steps that are left are Newton's.

    Parameters
    ----------
    max_iterations : int
        Largest number of evaluations of a curve's energy and gradient.
    tolerance : float
        Share of its energy that a converged curve may lie above its local minimum; a curve is
        tested when two steps in a row promise less than this share, and bring no more.
    memory : int
        Bytes that a solve may take beside its curves and report; decides how many curves are
        solved at once.
    progress : str, optional
        Label of a progress bar, which counts the curves that are done; without, there is none.
    """

    max_iterations: int = 1000
    tolerance: float = 1e-5
    memory: int = MEMORY
    progress: str | None = None

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        """Minimise the energy of the polygons with corners ``spline(t)``.

        Parameters
        ----------
        geometry : Geometry
            Measures the segments.
        spline : CubicSpline
            Curves to start from; left as they are.
        t : Tensor, shape (N,)
            Parameters of the corners, rising from 0 to 1.

        Returns
        -------
        tuple of CubicSpline and Report
            B curves of less energy, and what was done for each.

        Raises
        ------
        ValueError
            If the decoder's output does not depend differentiably on the points.
        """
        descent = Descent(self.max_iterations, Stopping(self.tolerance))
        newton = Newton(self.max_iterations, self.tolerance)
        budget = MemoryBudget(self.memory, matrices=is_dense(geometry, spline))

        def minimize(curves: CubicSpline, finish: Finish) -> tuple[Tensor, Report]:
            begin = time.perf_counter()
            controls, steps, energies = descent.minimize(geometry, curves, t)
            near = replace(curves, controls=controls)
            preconditioner = choose_preconditioner(geometry, near, t, refresh=1)
            noise = square_noise(geometry, near)  # (b,)
            controls, report = newton.minimize(
                geometry, near, t, preconditioner, noise=noise, finish=finish, spent=steps
            )
            return controls, replace(
                report,
                energy_history=torch.cat((energies[:-1], report.energy_history)),
                seconds=time.perf_counter() - begin,
            )

        size = budget.count_curves(geometry, spline, len(t))
        return minimize_in_batches(minimize, spline, size, self.progress)

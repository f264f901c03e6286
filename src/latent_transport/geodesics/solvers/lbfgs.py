"""Limited-memory BFGS on the control points of many curves."""

from dataclasses import dataclass

from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.batches import minimize_in_batches
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.descent import Descent
from latent_transport.geodesics.solvers.stopping import Stopping
from latent_transport.geometries.base import Geometry
from latent_transport.memory import MEMORY


@dataclass(frozen=True, kw_only=True)
class LBFGS:
    """Limited-memory BFGS over the control points, each curve with a memory of its own.

    The two-loop recursion (Nocedal & Wright 2006, Algorithm 7.4) runs on all curves at once, from
    the metric along each curve, so that no unit matters. Step lengths, acceptance (Armijo) and
    stopping are each curve's own. A curve whose steps bring nothing is put to the second-order test
    that :class:`GaussNewton` goes by: if it passes, it has converged and leaves the batch; if not,
    it goes on along the step that the test proposes.

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
    tolerance: float = 1e-4
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
        size = MemoryBudget(self.memory).count_curves(geometry, spline, len(t))
        return minimize_in_batches(
            lambda curves, finish: descent.minimize(geometry, curves, t, finish),
            spline,
            size,
            self.progress,
        )

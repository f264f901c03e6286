"""Geodesics between pairs of latent points, as a solver found them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from latent_transport.checks import holds
from latent_transport.geodesics.curves import Curve, evaluate_curve
from latent_transport.geodesics.drawing import plot_latent
from latent_transport.geodesics.records import NAMES, from_arrays, to_arrays
from latent_transport.geodesics.refinement import Solution
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import FINE_SEGMENTS, measure_curves
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FINE_SEGMENTS", "Geodesics", "load_geodesics", "measure_curves"]

FORMAT = "latent_transport.geodesics/1"
ENDS = ("start", "end", "origin")  # arrays of a file beside those of the solution
ROUNDING = 1e-6  # by which a parameter may lie outside of [0, 1]

Parameters = Tensor | np.ndarray | list[Any] | float
Index = int | slice | Tensor | np.ndarray | list[int] | list[bool]


@dataclass(frozen=True, eq=False, repr=False)
class Geodesics:
    """Geodesics between B pairs of latent points.

    A collection: ``len(paths)``, ``paths[3]``, ``paths[2:5]``, ``paths[paths.converged]`` and
    ``for path in paths``; what is chosen, a single one too, is a ``Geodesics`` again.
    Calling the object with parameters ``t`` (T,) in [0, 1] gives points (B, T, d) on the curves.

    Attributes
    ----------
    geometry : Geometry
        The geometry in which the curves are shortest.
    start, end : Tensor, shape (B, d)
        Endpoints.
    solution : Solution
        The curves, what the solver did, and what they measure.
    origin : Tensor of int64, shape (B,)
        Number of the start that the curve comes from: 0 for the straight line, 1 for the graph's
        shortest path if there is a graph, the random ones behind.
    """

    geometry: Geometry
    start: Tensor
    end: Tensor
    solution: Solution
    origin: Tensor

    def __call__(self, t: Parameters) -> Tensor:
        """Points on the curves, differentiable in ``t``.

        Parameters
        ----------
        t : float, sequence, ndarray or Tensor, shape (), (T,) or (B, T)
            Parameters in [0, 1]: one, the same for all curves, or each curve's own.

        Returns
        -------
        Tensor, shape (B, d) or (B, T, d)
            (B, d) for a single parameter.

        Raises
        ------
        ValueError
            If a parameter lies outside of [0, 1], or ``t`` has another shape.
        TypeError
            If ``t`` is no numbers.
        """
        t = self._check_parameters(t)
        points = evaluate_curve(self.curve, t if t.ndim else t[None])  # (B, T, d)
        return points if t.ndim else points[:, 0]

    def _check_parameters(self, t: Parameters) -> Tensor:
        try:
            if t is None or (isinstance(t, Tensor) and t.is_complex()):
                raise TypeError("it is no real number")
            # A float is to be no coarser than the splines' own basis, which is in double precision.
            at = t if isinstance(t, Tensor) else torch.as_tensor(np.asarray(t, np.float64))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"t is {t!r}; expected a number, or numbers (T,) or (B, T), in [0, 1]"
            ) from error
        at = at if at.is_floating_point() else at.to(self.start.dtype)
        if at.ndim > 2 or (at.ndim == 2 and len(at) != len(self)):
            raise ValueError(
                f"t has shape {tuple(at.shape)}; expected (), (T,), or (B, T) with "
                f"B = {len(self)}, a row for each curve"
            )
        if not holds((at >= -ROUNDING) & (at <= 1 + ROUNDING)):
            raise ValueError(
                f"t reaches from {at.min().item():g} to {at.max().item():g}; the curves run from "
                "t = 0 to t = 1, and are not known outside: clamp t"
            )
        return at

    def __len__(self) -> int:
        return len(self.start)

    def __iter__(self) -> Iterator["Geodesics"]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Index) -> "Geodesics":
        """Return the curves with the given numbers, or where a mask (B,) holds.

        Raises
        ------
        IndexError
            If there is no such curve, or a mask has not B entries.
        TypeError
            If the index is another object.
        """
        rows = self._find(index)  # (b,)
        return replace(
            self,
            start=self.start[rows],
            end=self.end[rows],
            solution=self.solution[rows],
            origin=self.origin[rows],
        )

    def _find(self, index: Index) -> Tensor:
        """Numbers (b,) of the curves that an index chooses."""
        everyone = torch.arange(len(self), device=self.start.device)  # (B,)
        if isinstance(index, slice):
            # Tensors refuse the negative steps of slices.
            rows = range(len(self))[index]
            return everyone[list(rows)]
        try:
            chosen = torch.as_tensor(index, device=everyone.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise self._index_error(index) from error
        if chosen.numel() == 0 and not isinstance(index, Tensor):
            chosen = chosen.long()  # an empty list has no type of its own
        if chosen.ndim > 1 or chosen.is_floating_point() or chosen.is_complex():
            raise self._index_error(index)
        if chosen.dtype == torch.bool:
            if chosen.shape != everyone.shape:
                raise IndexError(
                    f"the mask has shape {tuple(chosen.shape)}; expected ({len(self)},), one entry "
                    "for each curve"
                )
            return everyone[chosen]
        chosen = torch.atleast_1d(chosen.long())
        if not holds((chosen >= -len(self)) & (chosen < len(self))):
            raise IndexError(
                f"there is no curve {index if isinstance(index, int) else chosen.tolist()}; "
                f"there are {len(self)}, numbered from 0"
            )
        return everyone[chosen]

    @staticmethod
    def _index_error(index: object) -> TypeError:
        return TypeError(
            f"index is a {type(index).__name__}; expected a whole number, a slice, or whole "
            "numbers or a mask, of one dimension"
        )

    @classmethod
    def join(cls, parts: list["Geodesics"]) -> "Geodesics":
        """Concatenate geodesics of one geometry, at least one, such as those of several files.

        All get as many control points as the finest has, which moves no curve but by rounding.
        """
        return cls(
            parts[0].geometry,
            torch.cat([part.start for part in parts]),
            torch.cat([part.end for part in parts]),
            Solution.join([part.solution for part in parts]),
            torch.cat([part.origin for part in parts]),
        )

    @override
    def __repr__(self) -> str:
        return (
            f"Geodesics({len(self)} in {self.start.shape[-1]} latent dimensions, "
            f"{int(self.converged.sum())} converged, {type(self.geometry).__name__}, "
            f"{self.start.dtype} on {self.start.device})"
        )

    def to(self, *args: Any, **kwargs: Any) -> "Geodesics":
        """Return the curves on another device, or in another dtype; arguments as of ``Tensor.to``.

        The geometry is left as it is, with its decoder: measures that are taken anew, such as
        :attr:`bounds`, want the decoder to follow.

        Raises
        ------
        TypeError
            If the dtype is no floating-point one.
        """
        like = torch.empty(0, dtype=self.start.dtype, device=self.start.device).to(*args, **kwargs)
        if not like.is_floating_point():
            raise TypeError(f"dtype is {like.dtype}; expected torch.float32 or torch.float64")

        def move(x: Tensor) -> Tensor:
            return x.to(like) if x.is_floating_point() else x.to(like.device)

        return replace(
            self,
            start=move(self.start),
            end=move(self.end),
            solution=self.solution.apply(move),
            origin=move(self.origin),
        )

    def save(self, path: str | Path) -> None:
        """Write the curves and what they measure to a safetensors file, which holds no code.

        The geometry, and its decoder, are not saved: :func:`load_geodesics` is told them.

        Raises
        ------
        TypeError
            If the curves are those of a solver with curves of its own, such as StochMan.
        """
        arrays = to_arrays(self.solution)
        arrays |= {name: getattr(self, name).detach().cpu().numpy() for name in ENDS}
        metadata = {
            "format": FORMAT,
            "geometry": type(self.geometry).__name__,
            "seconds": repr(float(self.report.seconds)),
        }
        save_arrays(path, arrays, metadata)

    def plot(self, codes: Tensor | None = None, **options: Any) -> "Axes":
        """Draw the curves in a latent space of two dimensions: see :func:`plot_latent`.

        ``options`` are those of :func:`plot_latent`, whose result and errors it has.
        """
        return plot_latent(self.geometry, codes, self, **options)

    @classmethod
    def load(cls, path: str | Path, geometry: Geometry) -> "Geodesics":
        """Read what :meth:`save` wrote: see :func:`load_geodesics`."""
        if not isinstance(geometry, Geometry):
            raise TypeError(
                f"geometry is a {type(geometry).__name__}; expected the Geometry in which the "
                "curves were solved, such as Wasserstein1(decoder)"
            )
        if not Path(path).is_file():
            raise DataError(
                f"{path} is missing or not a file: give a file that paths.save(...) wrote"
            )
        metadata = load_metadata(path)
        if metadata.get("format") != FORMAT:
            raise DataError(
                f"{path} has the format {metadata.get('format')!r}; expected {FORMAT!r}: give a "
                "file that paths.save(...) wrote"
            )
        if metadata["geometry"] != type(geometry).__name__:
            raise ValueError(
                f"the geodesics of {path} are of the geometry {metadata['geometry']}, not "
                f"{type(geometry).__name__}; load them with theirs"
            )
        arrays = load_arrays(path, *NAMES, *ENDS)
        start, end, origin = (torch.from_numpy(arrays[name]) for name in ENDS)
        return cls(geometry, start, end, from_arrays(arrays, float(metadata["seconds"])), origin)

    @property
    def curve(self) -> Curve:
        """The curves: (T,) to (B, T, d)."""
        return self.solution.curve

    @property
    def report(self) -> Report:
        """What the solver did."""
        return self.solution.report

    @property
    def converged(self) -> Tensor:
        """Whether each curve is what it is said to be: bool, shape (B,).

        The energy is within ``tolerance`` (by default 1e-4) of its local minimum, by a second-order
        model around the curve, and a polygon at least 8 times finer has the same energy to 1 % and
        the same length to 0.5 %; both but for what rounding hides. ``report.outcomes`` tells of the
        others what is wrong with them.
        """
        return self.report.converged

    @property
    def length(self) -> Tensor:
        """Lengths (Roy & Hauberg 2022, Eq. 7), (B,), in units of the data.

        On 256 segments, or 8 times as many as the curve was solved with if that is more; on fewer
        where rounding would make more than a thousandth of the length. They are nan for curves that
        pass where the decoder's parameters are not finite.
        """
        return self.solution.measures.length

    @property
    def energy(self) -> Tensor:
        """Energies on the same segments, (B,), in squared units of the data."""
        return self.solution.measures.energy

    @property
    def controls(self) -> Tensor:
        """Control points with which each curve was solved: int64, shape (B,)."""
        return self.solution.controls

    @property
    def points(self) -> Tensor:
        """Points at which the energy of each curve was minimised: int64, shape (B,)."""
        return self.solution.points

    @cached_property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds of the distances of the ends, (B,) each, in units of the data.

        No curve is shorter than the lower one: by the triangle inequality the distance of the two
        distributions, where the geometry has one (see :meth:`Geometry.lower_bound`). The upper one
        is the length of this curve: that of its polygon, and twice what a still finer one would
        add, judged by what the finest added to the solver's. Both allow for the decoder's rounding.
        """
        measures = self.solution.measures
        with torch.no_grad():
            chord = self.geometry.lower_bound(self.start, self.end)  # (B,)
        lower = torch.minimum(chord, measures.length)  # (B,), nan where the length is
        return (lower - measures.noise).clamp(min=0), measures.length + measures.margin


def load_geodesics(path: str | Path, geometry: Geometry) -> Geodesics:
    """Read the geodesics that :meth:`Geodesics.save` wrote, on the CPU.

    Parameters
    ----------
    path : path
        A safetensors file; reading it runs no code.
    geometry : Geometry
        The one in which they were solved, which the file does not hold but by its name.

    Returns
    -------
    Geodesics
        With the same curves, report and measures, to the bit.

    Raises
    ------
    DataError
        If the file is missing or damaged, or holds something else.
    ValueError
        If the curves are of another class of geometry.
    TypeError
        If ``geometry`` is none.
    """
    return Geodesics.load(path, geometry)

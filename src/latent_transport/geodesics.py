"""Geodesics between latent points: the one call that most users need."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

import torch
from torch import Tensor

from latent_transport.checks import holds
from latent_transport.curves import CubicSpline
from latent_transport.geometries import Geometry
from latent_transport.graphs import NeighbourGraph
from latent_transport.kernels.dispatch import anticipate
from latent_transport.solvers import GaussNewton, Report

FINE_SEGMENTS = 256
EVALUATIONS = 10  # of a curve's energy that a solve needs at least
BULGE = 0.5  # of random starts, in distances of the ends
MEASURING_MEMORY = 2**28

Curve = Callable[[Tensor], Tensor]


class Solver(Protocol):
    """Anything that shortens curves: see :mod:`latent_transport.solvers`."""

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[Curve, Report]: ...


@dataclass(frozen=True)
class Geodesics:
    """Geodesics between B pairs of latent points.

    Calling the object with parameters ``t`` (T,) in [0, 1] gives points (B, T, d) on the curves.

    Attributes
    ----------
    geometry : Geometry
        The geometry in which the curves are shortest.
    start, end : Tensor, shape (B, d)
        Endpoints.
    curve : callable
        The curves: (T,) to (B, T, d).
    report : Report
        What the solver did.
    origin : Tensor of int64, shape (B,)
        Number of the start that the curve comes from: 0 for the straight line, 1 for the graph's
        shortest path if there is a graph, the random ones behind.
    """

    geometry: Geometry
    start: Tensor
    end: Tensor
    curve: Curve
    report: Report
    origin: Tensor

    def __call__(self, t: Tensor) -> Tensor:
        """Points on the curves at parameters ``t`` (T,): shape (B, T, d)."""
        return self.curve(t)

    @property
    def converged(self) -> Tensor:
        """Whether the solver's criterion was met, by a curve of finite length: (B,)."""
        return self.report.converged & torch.isfinite(self.length)

    @property
    def length(self) -> Tensor:
        """Lengths (Roy & Hauberg 2022, Eq. 7) on 256 segments, (B,), in units of the data.

        They are nan for curves that pass where the decoder's parameters are not finite.
        """
        return self._measures[0]

    @property
    def energy(self) -> Tensor:
        """Energies on 256 segments, (B,), in squared units of the data."""
        return self._measures[1]

    @cached_property
    def _measures(self) -> tuple[Tensor, Tensor]:
        like = {"dtype": self.start.dtype, "device": self.start.device}
        return measure_curves(self.geometry, self(torch.linspace(0, 1, FINE_SEGMENTS + 1, **like)))


def measure_curves(
    geometry: Geometry, points: Tensor, *, memory: int = MEASURING_MEMORY
) -> tuple[Tensor, Tensor]:
    """Lengths and energies of many curves, without gradients, a bounded number at a time.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    points : Tensor, shape (B, N, d)
        Successive points on each curve.
    memory : int
        Bytes that the temporaries may take.

    Returns
    -------
    tuple of Tensor, each (B,)
        Length (Roy & Hauberg 2022, Eq. 7) and energy; see :meth:`Geometry.curve_energy`.
    """
    with torch.no_grad():
        _, p = geometry.decode(points[:1, 0])  # (1, C, D)
        size = max(1, memory // (4 * points.shape[1] * p.numel() * p.element_size()))
        segments = torch.cat([geometry.segment_lengths(part) for part in points.split(size)])
        return segments.sum(-1), segments.shape[-1] * segments.square().sum(-1)


def connecting_geodesics(
    geometry: Geometry,
    z0: Tensor,
    z1: Tensor,
    *,
    solver: Solver | None = None,
    controls: int = 8,
    points: int = 32,
    start: Literal["line"] | NeighbourGraph = "line",
    restarts: int = 0,
    generator: torch.Generator | None = None,
) -> Geodesics:
    """Compute the geodesics between pairs of latent points, all at once, on their device.

    Each curve is a C2 cubic spline whose discrete energy is minimised from the straight line, and
    on request from the shortest path through a graph and from random bends as well. A minimum is
    local: where the latent space has holes, the start decides on which side of them the curve comes
    to lie.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; the decoder is on the device of the points.
    z0, z1 : Tensor, shape (B, d) or (d,)
        Endpoints; a single one is paired with each of the others.
    solver : Solver, optional
        ``GaussNewton()`` by default.
    controls : int, optional
        Free control points of each spline (at least 2). More follow sharper turns.
    points : int, optional
        Points at which the energy is evaluated (at least 3). More are more faithful to the
        continuous energy, and cost in proportion.
    start : "line" or NeighbourGraph, optional
        With a graph, every pair is solved from the graph's shortest path too, and the shortest of
        its curves is kept.
    restarts : int, optional
        Further starts of each pair: the straight line, bent at random by about half the distance
        of the ends. Time and memory grow in proportion.
    generator : torch.Generator, optional
        Source of the bends, on the CPU. By default they are the same in every call; in either case
        they are the same for every pair, up to the distance of its ends, so that a curve does not
        depend on its companions.

    Returns
    -------
    Geodesics

    Raises
    ------
    ValueError
        If the endpoints differ in shape, are not finite, or there are none; if the decoder's
        parameters are not finite or not valid there, or do not depend differentiably on the
        points; if ``start`` is neither of the two, or ``restarts`` negative.
    TypeError
        If the endpoints are no floating-point tensors, or the decoder's distribution is not
        supported.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(torch.cat((z, z[..., :1] ** 2), -1), 1.0)
    >>> z0, z1 = torch.tensor([[-1.0, 0.0]]), torch.tensor([[1.0, 0.5]])
    >>> paths = lt.connecting_geodesics(lt.Wasserstein1(decoder), z0, z1)
    >>> paths(torch.linspace(0, 1, 50)).shape
    torch.Size([1, 50, 2])
    """
    z0, z1 = _check_endpoints(z0, z1)
    if points < 3:
        raise ValueError(f"points is {points}; a curve's energy needs at least 3")
    if start != "line" and not isinstance(start, NeighbourGraph):
        raise ValueError(f'start is {start!r}; expected "line" or a NeighbourGraph')
    if restarts < 0:
        raise ValueError(
            f"restarts is {restarts}; expected the number of further starts, 0 or more"
        )
    with torch.no_grad():
        for name, z in (("z0", z0), ("z1", z1)):
            _, p = geometry.decode_with_checks(z, name)  # (B, C, D)
    straight = CubicSpline.straight(z0, z1, controls)
    starts = [straight.controls]  # (B, P, d) each
    if start != "line":
        starts.append(CubicSpline.through(start.shortest_paths(z0, z1), controls).controls)
    starts += _bend(straight, restarts, generator)
    count = len(starts)
    every = CubicSpline(z0.repeat(count, 1), z1.repeat(count, 1), torch.cat(starts))
    t = torch.linspace(0, 1, points, dtype=z0.dtype, device=z0.device)
    with anticipate(EVALUATIONS * len(every.start) * (points - 1) * p.shape[-1]):
        curve, report = (solver or GaussNewton()).minimize(geometry, every, t)
    origin = torch.arange(count, device=z0.device).repeat_interleave(len(z0))
    paths = Geodesics(geometry, every.start, every.end, curve, report, origin)
    if count == 1:
        return paths
    rows = torch.arange(len(z0), device=z0.device)
    length = torch.where(paths.length.isnan(), math.inf, paths.length)  # nan would be the least
    return _select(paths, rows + len(z0) * length.view(count, -1).argmin(0))


def _bend(straight: CubicSpline, count: int, generator: torch.Generator | None) -> list[Tensor]:
    """Control points of straight lines, bent along their two lowest modes: ``count`` (B, P, d)."""
    controls = straight.controls  # (B, P, d)
    free, dims = controls.shape[1:]
    generator = generator or torch.Generator().manual_seed(0)
    amplitudes = torch.randn(count, 2, dims, generator=generator)  # on the CPU: for all devices
    amplitudes = amplitudes.to(controls) * (BULGE / dims**0.5)  # (count, 2, d)
    places = torch.linspace(0, math.pi, free + 2).to(controls)[1:-1]  # (P,)
    modes = torch.stack((places.sin(), (2 * places).sin()), -1)  # (P, 2)
    chords = (straight.end - straight.start).norm(dim=-1)[:, None, None]  # (B, 1, 1)
    return [controls + chords * (modes @ amplitude) for amplitude in amplitudes]


def _select(paths: Geodesics, rows: Tensor) -> Geodesics:
    """Return the geodesics with the given numbers."""
    each = {k: v[..., rows] for k, v in vars(paths.report).items() if isinstance(v, Tensor)}
    report = replace(paths.report, **each)
    whole = paths.curve
    if isinstance(whole, CubicSpline):
        curve = CubicSpline(whole.start[rows], whole.end[rows], whole.controls[rows])
    else:

        def curve(t: Tensor) -> Tensor:
            return whole(t)[rows]

    return Geodesics(
        paths.geometry, paths.start[rows], paths.end[rows], curve, report, paths.origin[rows]
    )


def _check_endpoints(z0: Tensor, z1: Tensor) -> tuple[Tensor, Tensor]:
    for name, z in (("z0", z0), ("z1", z1)):
        if not isinstance(z, Tensor) or not z.is_floating_point():
            found = z.dtype if isinstance(z, Tensor) else type(z).__name__
            raise TypeError(f"{name} is a {found}; expected a floating-point tensor (B, d)")
        if z.ndim not in (1, 2) or z.numel() == 0:
            raise ValueError(f"{name} has shape {tuple(z.shape)}; expected (B, d) or (d,), B > 0")
        if not holds(torch.isfinite(z)):
            raise ValueError(f"{name} has entries that are not finite; remove those pairs")
    if z0.dtype != z1.dtype or z0.device != z1.device:
        raise TypeError(
            f"z0 is {z0.dtype} on {z0.device}, z1 {z1.dtype} on {z1.device}; expected the same"
        )
    z0, z1 = torch.atleast_2d(z0.detach()), torch.atleast_2d(z1.detach())
    if z0.shape[1] != z1.shape[1] or (z0.shape[0] != z1.shape[0] and 1 not in (len(z0), len(z1))):
        raise ValueError(
            f"z0 has shape {tuple(z0.shape)} and z1 {tuple(z1.shape)}; expected the same (B, d)"
        )
    z0, z1 = torch.broadcast_tensors(z0, z1)
    return z0, z1

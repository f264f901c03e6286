"""The one call that most users need: geodesics between pairs of latent points."""

import math
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from latent_transport.checks import check_floating, check_precision, holds
from latent_transport.geodesics.choice import choose_solver
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geodesics.refinement import (
    FIRST_CONTROLS,
    Count,
    Solution,
    solve_as_needed,
)
from latent_transport.geodesics.solvers.base import Solver
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.memory import MEMORY, map_rows

SolverName = Literal["gauss-newton", "lbfgs", "adam", "stochman"]

BULGE = 0.5  # of random starts, in distances of the ends


def connecting_geodesics(
    geometry: Geometry,
    z0: Tensor | np.ndarray,
    z1: Tensor | np.ndarray,
    *,
    solver: Solver | SolverName | None = None,
    controls: Count = "auto",
    points: Count = "auto",
    start: Literal["line"] | NeighbourGraph = "line",
    restarts: int = 0,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Geodesics:
    r"""Compute the geodesics between pairs of latent points, all at once, on their device.

    Each curve is a C2 cubic spline whose discrete energy

    .. math:: E(\gamma) = (N - 1) \sum_{n=1}^{N-1} d^2(\gamma_n, \gamma_{n+1})

    at N points, with the distance d of the geometry, is minimised from the straight line, and on
    request from the shortest path through a graph and from random bends as well. The curve of least
    energy is the shortest, run at constant speed (Roy & Hauberg 2022). A minimum is local: where
    the latent space has holes, the start decides on which side of them the curve comes to lie.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; the decoder is on the device of the points.
    z0, z1 : Tensor or ndarray, shape (B, d) or (d,)
        Endpoints, in latent units; a single one is paired with each of the others. A NumPy array
        becomes a tensor of the dtype and device of the other end, if that is a tensor, or else of
        the decoder's parameters, if it is a module; else of torch's default dtype, on the CPU.
    solver : Solver, or "gauss-newton", "lbfgs", "adam" or "stochman", optional
        ``GaussNewton()`` by default; a name stands for that solver with its defaults.
    controls : int or "auto", optional
        Free control points of each spline (at least 2). By default 8, and for curves whose speed
        comes out uneven (energy over squared length more than 1e-4 above 1) 15, 29 or 57.
    points : int or "auto", optional
        Points at which the energy is evaluated (at least 3). By default 32, and for curves whose
        energy or length a finer polygon disproves 63, 125, 249 or 497.
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
    progress : bool, optional
        Whether a bar counts the curves that are done (Adam's counts steps), anew in each
        refinement; StochMan has none.

    Returns
    -------
    Geodesics
        B curves, with their lengths and energies in units of the data, and whether each converged.

    Raises
    ------
    ValueError
        If the endpoints differ in shape, are not finite, or there are none; if the decoder's
        parameters are not finite or not valid there, or do not depend differentiably on the
        points; if ``controls`` or ``points`` are fewer than said, ``start`` is neither of the two,
        no solver has the name, or ``restarts`` is negative.
    TypeError
        If ``geometry`` is none, such as a bare decoder; if the endpoints are no floating-point
        tensors, or of half precision; if the decoder's distribution is not supported, or
        ``solver`` is no solver.

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
    if not isinstance(geometry, Geometry):
        raise TypeError(
            f"geometry is a {getattr(geometry, '__name__', type(geometry).__name__)}; expected a "
            "Geometry: wrap the decoder, such as Wasserstein1(decoder)"
        )
    with outside_inference_mode():
        z0, z1 = _check_endpoints(*_as_tensors(geometry, z0, z1))
        _check_count("controls", controls, 2, "a cubic spline has")
        _check_count("points", points, 3, "a curve's energy needs")
        if start != "line" and not isinstance(start, NeighbourGraph):
            raise ValueError(f'start is {start!r}; expected "line" or a NeighbourGraph')
        if restarts < 0:
            raise ValueError(
                f"restarts is {restarts}; expected the number of further starts, 0 or more"
            )
        chosen = choose_solver(solver, progress=progress)
        geometry.check_decoder(z0, z1)
        with torch.no_grad():
            for name, z in (("z0", z0), ("z1", z1)):
                _check_decoded(geometry, z, name)
        free = FIRST_CONTROLS if controls == "auto" else controls
        straight = CubicSpline.straight(z0, z1, free)
        starts = [straight.controls]  # (B, P, d) each
        if start != "line":
            starts.append(CubicSpline.through(start.shortest_paths(z0, z1), free).controls)
        starts += _bend(straight, restarts, generator)
        count = len(starts)
        every = CubicSpline(z0.repeat(count, 1), z1.repeat(count, 1), torch.cat(starts))
        memory = getattr(chosen, "memory", MEMORY)
        solution = solve_as_needed(
            geometry, chosen, every, controls=controls, points=points, memory=memory
        )
        _warn_of_rounding(solution)
        origin = torch.arange(count, device=z0.device).repeat_interleave(len(z0))
        paths = Geodesics(geometry, every.start, every.end, solution, origin)
        if count == 1:
            return paths
        rows = torch.arange(len(z0), device=z0.device)
        length = torch.where(paths.length.isnan(), math.inf, paths.length)  # nan would be the least
        return paths[rows + len(z0) * length.view(count, -1).argmin(0)]


def _check_count(name: str, value: Count, least: int, why: str) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
    if value != "auto" and not whole:
        raise ValueError(f'{name} is {value!r}; {why} at least {least}: give a number, or "auto"')


def _warn_of_rounding(solution: Solution) -> None:
    rounded = int((solution.report.outcome == Outcome.ROUNDING).sum())
    if rounded:
        warnings.warn(
            f"rounding of the decoder's output hides how long {rounded} of "
            f"{len(solution.report.outcome)} geodesics are; decode in float64, or have the decoder "
            "compute in the precision that it returns",
            RuntimeWarning,
            stacklevel=3,  # who called connecting_geodesics
        )


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


def _check_decoded(geometry: Geometry, z: Tensor, name: str) -> None:
    """Check the decoder's parameters at the ends (B, d)."""

    def check(z: Tensor) -> Tensor:
        geometry.decode_with_checks(z, name)  # of (b,)
        return z

    map_rows(check, z)


def _as_tensors(
    geometry: Geometry, z0: Tensor | np.ndarray, z1: Tensor | np.ndarray
) -> tuple[Tensor, Tensor]:
    """Endpoints, of which NumPy arrays of numbers become tensors; what is neither is left."""
    like = next((z for z in (z0, z1) if isinstance(z, Tensor)), None)
    if like is None:
        like = next((x for x in _find_parameters(geometry.decoder) if x.is_floating_point()), None)
    like = torch.empty(()) if like is None else like

    def convert(z: Any) -> Tensor:
        if isinstance(z, np.ndarray) and z.dtype.kind in "fiu":
            return torch.from_numpy(np.array(z, np.float64)).to(like.device, like.dtype)
        return z

    return convert(z0), convert(z1)


def _find_parameters(decoder: object) -> Iterator[Tensor]:
    """Parameters and buffers of a decoder, as far as it is, or holds, a module."""
    held = (decoder, *(getattr(decoder, name, None) for name in ("function", "module")))
    for module in (*held, getattr(held[1], "module", None)):
        if isinstance(module, nn.Module):
            yield from (*module.parameters(), *module.buffers())


def _check_endpoints(z0: Tensor, z1: Tensor) -> tuple[Tensor, Tensor]:
    for name, z in (("z0", z0), ("z1", z1)):
        check_floating(name, z, "(B, d)")
        if z.ndim not in (1, 2) or z.numel() == 0:
            flatten = (
                f": latents that are not flat are given by {name}.flatten(1), and their shape to "
                "the geometry, by latent_shape="
                if z.ndim > 2
                else ""
            )
            raise ValueError(
                f"{name} has shape {tuple(z.shape)}; expected (B, d) or (d,), B > 0{flatten}"
            )
        if not holds(torch.isfinite(z)):
            raise ValueError(f"{name} has entries that are not finite; remove those pairs")
    if z0.dtype != z1.dtype or z0.device != z1.device:
        raise TypeError(
            f"z0 is {z0.dtype} on {z0.device}, z1 {z1.dtype} on {z1.device}; expected the same"
        )
    check_precision("z0", z0)
    z0, z1 = (torch.atleast_2d(as_ordinary(z.detach())) for z in (z0, z1))
    if z0.shape[1] != z1.shape[1] or (z0.shape[0] != z1.shape[0] and 1 not in (len(z0), len(z1))):
        raise ValueError(
            f"z0 has shape {tuple(z0.shape)} and z1 {tuple(z1.shape)}; expected the same (B, d)"
        )
    z0, z1 = torch.broadcast_tensors(z0, z1)
    return z0, z1

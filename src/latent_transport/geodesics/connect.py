"""The one call that most users need: geodesics between pairs of latent points."""

import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from latent_transport.checks import check_floating, check_precision, holds
from latent_transport.geodesics.bisection import Bisection
from latent_transport.geodesics.checkpoints import connect_in_chunks
from latent_transport.geodesics.choice import LABEL, choose_solver
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.method import Method, draw_bends
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geodesics.refinement import Count
from latent_transport.geodesics.solvers.base import Solver
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import (
    as_ordinary,
    holding_interrupts,
    outside_inference_mode,
)
from latent_transport.memory import map_rows

SolverName = Literal["gauss-newton", "lbfgs", "adam", "stochman"]


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
    checkpoint: str | Path | None = None,
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
        refinement; StochMan has none. With a checkpoint it counts pairs.
    checkpoint : path, optional
        Folder to which pairs are written as they are solved, a few to a file, for jobs of hours.
        The same call goes on where an earlier one was killed, or interrupted; what comes out is the
        same as without, but for rounding. The folder is left when all is done, so that the same
        call reads it again: delete it when the result is saved. Its files are those of
        :meth:`Geodesics.save`.

    Returns
    -------
    Geodesics
        B curves, with their lengths and energies in units of the data, and whether each converged.

    Raises
    ------
    ValueError
        If the endpoints differ in shape, are not finite, or there are none; if the decoder's
        parameters are for no pair finite at both ends, or not valid there, or do not depend
        differentiably on the points; if ``controls`` or ``points`` are fewer than said, ``start``
        is neither of the two, no solver has the name, or ``restarts`` is negative; if
        ``checkpoint`` holds another job's pairs, or something else.
    TypeError
        If ``geometry`` is none, such as a bare decoder; if the endpoints are no floating-point
        tensors, or of half precision; if the decoder's distribution is not supported, or
        ``solver`` is no solver, or has curves that cannot be saved to ``checkpoint``.

    Warns
    -----
    RuntimeWarning
        If pairs are given up, as ``NOT_FINITE``: the decoder's parameters are not finite at an end,
        or the decoder raises an error for them but not for all. If memory runs out: fewer are then
        solved at once. If rounding hides how long geodesics are.

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
    with holding_interrupts(), outside_inference_mode():
        z0, z1 = _check_endpoints(*_as_tensors(geometry, z0, z1))
        _check_count("controls", controls, 2, "a cubic spline has")
        _check_count("points", points, 3, "a curve's energy needs")
        if start != "line" and not isinstance(start, NeighbourGraph):
            raise ValueError(f'start is {start!r}; expected "line" or a NeighbourGraph')
        if restarts < 0:
            raise ValueError(
                f"restarts is {restarts}; expected the number of further starts, 0 or more"
            )
        chosen = choose_solver(solver, progress=progress and checkpoint is None)
        geometry.check_decoder(z0, z1)
        with torch.no_grad():
            usable = _find_usable(geometry, z0, z1)  # (B,)
        bends = draw_bends(restarts, z0.shape[1], generator)  # (restarts, 2, d)
        method = Method(geometry, chosen, controls, points, start, bends)
        bisection = Bisection(method)
        if checkpoint is None:
            paths = bisection.connect(z0, z1, usable)
        else:
            label = LABEL if progress else None
            paths = connect_in_chunks(Path(checkpoint), bisection, z0, z1, usable, label)
        _warn(usable, bisection.raised, paths.report.outcome)
        return paths


def _check_count(name: str, value: Count, least: int, why: str) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
    if value != "auto" and not whole:
        raise ValueError(f'{name} is {value!r}; {why} at least {least}: give a number, or "auto"')


def _warn(usable: Tensor, raised: list[str], outcome: Tensor) -> None:
    """Warn of pairs that were given up, and of curves (B,) that rounding hides."""
    broken, rounded = int((~usable).sum()), int((outcome == Outcome.ROUNDING).sum())
    count = len(outcome)
    said = []
    if broken:
        said.append(
            f"the decoder's parameters are not finite at an end of {broken} of {count} pairs, "
            "which are given up (NOT_FINITE): remove those pairs"
        )
    if raised:
        said.append(
            f"the decoder raised an error for {len(raised)} of {count} pairs, which are given up "
            f"(NOT_FINITE); the first was {raised[0]}"
        )
    if rounded:
        said.append(
            f"rounding of the decoder's output hides how long {rounded} of {count} geodesics are; "
            "decode in float64, or have the decoder compute in the precision that it returns; "
            "tiny lengths need larger units"
        )
    for words in said:
        warnings.warn(words, RuntimeWarning, stacklevel=3)  # who called connecting_geodesics


def _find_usable(geometry: Geometry, z0: Tensor, z1: Tensor) -> Tensor:
    """Whether the decoder's parameters are finite at both ends of each pair: bool, shape (B,).

    Raises
    ------
    ValueError
        If they are for no pair, or are not valid somewhere.
    """
    ends = (("z0", z0), ("z1", z1))
    finite = [map_rows(partial(_check_decoded, geometry, name), z) for name, z in ends]  # (B,)
    usable = finite[0] & finite[1]  # (B,)
    if not holds(usable.any()):
        for (name, z), good in zip(ends, finite, strict=True):
            if not holds(good):
                geometry.decode_with_checks(z[~good][:1], name)
    return usable


def _check_decoded(geometry: Geometry, name: str, z: Tensor) -> Tensor:
    """Whether the decoder's parameters at ends (b, d) are finite, and valid where they are."""
    try:
        geometry.decode_with_checks(z, name)
    except ValueError:
        finite = geometry.decode(z).finite  # (b,)
        if holds(finite):
            raise
        if holds(finite.any()):
            geometry.decode_with_checks(z[finite], name)
        return finite
    return torch.ones_like(z[:, 0], dtype=torch.bool)


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

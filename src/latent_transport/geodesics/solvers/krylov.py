"""Second-order models of energies, in Krylov subspaces of their preconditioned Hessians."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.geodesics.solvers.objective import Objective
from latent_transport.geodesics.solvers.preconditioners import Preconditioner
from latent_transport.geodesics.solvers.quadratic import minimize_quadratic

TINY = 1e-30  # keeps quotients finite


@dataclass(frozen=True)
class KrylovRule:
    """How the models are built. Lengths are in roots of the energy, in the preconditioned norm.

    Attributes
    ----------
    products : int
        Products with the Hessian for one model at most.
    least_products : int
        Products without which no curve is proved to be at its minimum: the first ones need not see
        negative curvature.
    difference : float
        Length of the step whose change of gradient gives a product.
    noise : float
        Share of a fixed random direction in the first one: it has a part in every eigenvector, so
        that a direction of negative curvature is found where the gradient has no part in it
        (Kuczyński & Woźniakowski 1992).
    least_gradient : float
        Gradient that the random direction is a share of at least.
    accuracy : float
        Share of the gradient that a step may leave, and of the decrease that is not worth another
        product.
    reach : float
        Length of a step beyond which no model is believed.
    saddle : float
        Length of a step along negative curvature, whose decrease counts.
    """

    products: int = 10
    least_products: int = 3
    difference: float = 0.02
    noise: float = 0.1
    least_gradient: float = 1e-3
    accuracy: float = 0.1
    reach: float = 10.0
    saddle: float = 0.3


@dataclass(frozen=True)
class Model:
    """Second-order models of b energies around their curves.

    Attributes
    ----------
    step : Tensor, shape (b, n)
        Step of the control points, within the trust region.
    length : Tensor, shape (b,)
        Its length in the preconditioned norm.
    decrease : Tensor, shape (b,)
        Decrease of energy that it promises.
    remaining : Tensor, shape (b,)
        How far the energy is above its local minimum, at most: what the unconstrained step
        promises, and what the gradient that it leaves could, of no step longer than the rule's
        reach. At a saddle, what a short step along negative curvature promises.
    least : Tensor, shape (b,)
        Least eigenvalue of the preconditioned Hessian in the subspace.
    """

    step: Tensor
    length: Tensor
    decrease: Tensor
    remaining: Tensor
    least: Tensor


class KrylovModels:
    r"""Builds models by Lanczos' process with a preconditioner :math:`M = L L^T`.

    Products with the Hessian H are differences of gradients along short steps, one evaluation
    each. The models minimise the energy's second-order expansion over the Krylov subspace of
    :math:`L^{-1} H L^{-T}` from the gradient (Gould, Lucidi, Roma & Toint 1999, *Solving the
    trust-region subproblem using the Lanczos method*), with full orthogonalisation.

    Parameters
    ----------
    objective : callable
        Energies and gradients; see :func:`energy_objective`.
    preconditioner : Preconditioner
        Up to date for all curves that models are built for.
    rule : KrylovRule, optional
        How the models are built.
    """

    def __init__(
        self, objective: Objective, preconditioner: Preconditioner, rule: KrylovRule | None = None
    ) -> None:
        self.objective = objective
        self.preconditioner = preconditioner
        self.rule = rule or KrylovRule()

    def build(
        self,
        rows: Tensor,
        controls: Tensor,
        energy: Tensor,
        gradient: Tensor,
        radius: Tensor,
        enough: Tensor,
    ) -> Model:
        """Build models of the curves ``rows`` (b,) at control points (b, P, d).

        Parameters
        ----------
        rows : Tensor of int64, shape (b,)
            Curves.
        controls : Tensor, shape (b, P, d)
            Where they are.
        energy, gradient : Tensor, shape (b,) and (b, n)
            Their energies and gradients there.
        radius : Tensor, shape (b,)
            Trust radii in the preconditioned norm.
        enough : Tensor, shape (b,)
            Energy that is as good as nothing: a curve that is proved to be no further above its
            minimum needs no further product.
        """
        rule, most = self.rule, min(self.rule.products, gradient.shape[1])
        least = min(rule.least_products, most)
        slope = self.preconditioner.whiten(rows, gradient)  # (b, n)
        size = slope.norm(dim=-1)  # (b,)
        scale = energy.sqrt()  # (b,)
        reach = torch.minimum(rule.difference * scale, 0.5 * radius)  # (b,)
        reach = torch.maximum(reach, _least_difference(energy.dtype) * scale)
        vector = self._begin(rows, slope, scale)  # (b, n)
        vectors = slope.new_zeros(len(rows), most, slope.shape[1])  # (b, k, n)
        products = torch.zeros_like(vectors)
        model = Model(torch.zeros_like(slope), *torch.zeros(4, *energy.shape).to(energy))
        open_rows = torch.arange(len(rows), device=rows.device)
        for count in range(1, most + 1):
            vectors[open_rows, count - 1] = vector
            product = self._multiply(
                rows[open_rows], controls[open_rows], gradient[open_rows], vector, reach[open_rows]
            )
            products[open_rows, count - 1] = product
            basis, image = vectors[open_rows, :count], products[open_rows, :count]  # (o, k, n)
            found = self._solve(basis, image, slope[open_rows], radius[open_rows], scale[open_rows])
            gained = found.model.decrease - model.decrease[open_rows]  # (o,)
            for name, value in vars(found.model).items():
                getattr(model, name)[open_rows] = value
            rest = product - _project(basis, product)  # (o, n)
            rest = rest - _project(basis, rest)
            size_of_rest = rest.norm(dim=-1)  # (o,)
            settled = size_of_rest * found.last.abs() <= 0.5 * found.model.least  # (o,)
            proved = (count >= least) & settled & (found.model.remaining <= enough[open_rows])
            exact = found.residual <= rule.accuracy * size[open_rows]
            poor = (gained <= rule.accuracy * found.model.decrease) & (count > 1)
            worth = found.model.decrease > enough[open_rows]  # (o,)
            through = size_of_rest <= 1e-3 * found.largest  # the subspace is invariant
            done = proved | through | (worth & (exact | poor))
            vector = (rest / size_of_rest.clamp(min=TINY)[:, None])[~done]
            open_rows = open_rows[~done]
            if len(open_rows) == 0:
                break
        return Model(
            self.preconditioner.color(rows, model.step),
            model.length,
            model.decrease,
            model.remaining,
            model.least,
        )

    def _begin(self, rows: Tensor, slope: Tensor, scale: Tensor) -> Tensor:
        """First directions (b, n), of length 1: gradients, with a share of a random direction."""
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(slope.shape[1], generator=generator).to(
            slope
        )  # the same on all devices
        noise = self.preconditioner.whiten(rows, noise.expand_as(slope))  # (b, n), soft modes first
        noise = noise / noise.norm(dim=-1, keepdim=True).clamp(min=TINY)
        size = torch.maximum(slope.norm(dim=-1), self.rule.least_gradient * scale)  # (b,)
        mixed = slope + self.rule.noise * size[:, None] * noise  # (b, n)
        return mixed / mixed.norm(dim=-1, keepdim=True).clamp(min=TINY)

    def _multiply(
        self, rows: Tensor, controls: Tensor, gradient: Tensor, vector: Tensor, reach: Tensor
    ) -> Tensor:
        """Products (o, n) of preconditioned Hessians with vectors (o, n), by differences."""
        shift = reach[:, None] * self.preconditioner.color(rows, vector)  # (o, n)
        _, moved = self.objective(rows, controls + shift.view_as(controls))  # (o, P, d)
        change = (moved.flatten(1) - gradient) / reach.clamp(min=TINY)[:, None]  # (o, n)
        product = self.preconditioner.whiten(rows, change)  # (o, n)
        # Where the decoder ends, the preconditioner's word is taken.
        known = torch.isfinite(product).all(-1, keepdim=True)  # (o, 1)
        return torch.where(known, product, vector)

    def _solve(
        self, basis: Tensor, image: Tensor, slope: Tensor, radius: Tensor, scale: Tensor
    ) -> "_Solution":
        """Minimise models over subspaces with bases (o, k, n) whose images are (o, k, n)."""
        hessian = basis @ image.mT  # (o, k, k)
        hessian = 0.5 * (hessian + hessian.mT)
        along = (basis @ slope[..., None]).squeeze(-1)  # (o, k)
        reach = self.rule.reach * scale  # (o,)
        found = minimize_quadratic(hessian, along, radius, reach)
        free = found.free[..., None]  # (o, k, 1)
        left = (image.mT @ free).squeeze(-1) + slope  # (o, n)
        outside = (left - _project(basis, left)).norm(dim=-1)  # (o,)
        bent = (hessian @ free).squeeze(-1)  # (o, k)
        promised = -(found.free * (along + 0.5 * bent)).sum(-1)  # (o,)
        # Of what lies outside the subspace the preconditioner is believed, if it claims less.
        softest = found.least.clamp(min=TINY, max=1)  # (o,)
        beyond = torch.minimum(0.5 * outside.square() / softest, outside * reach)  # (o,)
        convex = promised + beyond  # (o,)
        deep = 0.5 * (self.rule.saddle * scale).square() * found.least.abs()  # (o,)
        remaining = torch.where(found.least > 0, convex, deep + found.decrease.clamp(min=0))
        step = (found.step[:, None] @ basis).squeeze(1)  # (o, n)
        length = found.step.norm(dim=-1)  # (o,)
        model = Model(step, length, found.decrease, remaining, found.least)
        largest = torch.linalg.matrix_norm(hessian)  # (o,)
        return _Solution(model, left.norm(dim=-1), found.lowest[:, -1], largest)


@dataclass(frozen=True)
class _Solution:
    """A model and what tells whether it is good enough, (o,) each.

    Attributes
    ----------
    model : Model
        Its steps are in preconditioned coordinates.
    residual : Tensor
        Norm of the gradient that the unconstrained step leaves.
    last : Tensor
        Part of the newest vector in the lowest eigenvector.
    largest : Tensor
        Size of the Hessian in the subspace.
    """

    model: Model
    residual: Tensor
    last: Tensor
    largest: Tensor


def _project(basis: Tensor, vector: Tensor) -> Tensor:
    """Projections of vectors (o, n) on orthonormal bases (o, k, n)."""
    return (basis.mT @ (basis @ vector[..., None])).squeeze(-1)


def _least_difference(dtype: torch.dtype) -> float:
    """Shortest step whose change of gradient is not all rounding."""
    return 10 * math.sqrt(torch.finfo(dtype).eps)

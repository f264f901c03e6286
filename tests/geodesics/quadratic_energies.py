"""Energies that are quadratic in the control points, and preconditioners of known factors."""

import torch
from torch import Tensor

from latent_transport.geodesics.solvers.preconditioners import Preconditioner
from tests.problems import DOUBLE


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


class KnownFactors(Preconditioner):
    """Factors L (B, n, n) that are given."""

    def __init__(self, factor: Tensor) -> None:
        self.factor = factor

    def _factorise(self, rows, points, squares):
        raise NotImplementedError

    def whiten(self, rows, gradient):
        factor = self.factor[rows]
        return torch.linalg.solve_triangular(factor, gradient[..., None], upper=False).squeeze(-1)

    def color(self, rows, step):
        factor = self.factor[rows].mT
        return torch.linalg.solve_triangular(factor, step[..., None], upper=True).squeeze(-1)


class QuadraticEnergies:
    """Energies E + g' c + c' H c / 2 of control points c (B, P, d) around 0, with what is known.

    ``spectrum`` (n,) holds the eigenvalues of the preconditioned Hessian; ``part`` (n,) the parts
    of the preconditioned gradient in its eigenvectors, in roots of the energy.
    """

    def __init__(
        self,
        spectrum: Tensor,
        part: Tensor,
        *,
        batch: int = 3,
        energy: float = 10.0,
        unit: float = 1.0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        size = len(spectrum)
        vectors, _ = torch.linalg.qr(draw(batch, size, size, seed=1))  # (B, n, n)
        factor = 0.2 * draw(batch, size, size, seed=2).tril(-1) + torch.eye(size, **DOUBLE)
        self.factor = factor * energy**0.5 / unit
        inner = vectors @ torch.diag(spectrum) @ vectors.mT
        self.hessian = (self.factor @ inner @ self.factor.mT).to(dtype)  # (B, n, n)
        slope = energy**0.5 * (vectors @ part)  # (B, n)
        self.gradient = (self.factor @ slope[..., None]).squeeze(-1).to(dtype)
        self.energy = torch.full((batch,), energy, dtype=dtype)
        self.rows = torch.arange(batch)
        self.controls = torch.zeros(batch, size // 2, 2, dtype=dtype)
        self.preconditioner = KnownFactors(self.factor.to(dtype))
        self.evaluations = 0

    def __call__(self, rows: Tensor, controls: Tensor) -> tuple[Tensor, Tensor]:
        self.evaluations += 1
        c = controls.flatten(1)
        bent = (self.hessian[rows] @ c[..., None]).squeeze(-1)
        energy = self.energy[rows] + (c * (self.gradient[rows] + 0.5 * bent)).sum(-1)
        return energy, (self.gradient[rows] + bent).view_as(controls)

    def build(self, models, *, radius: float, enough: float):
        """A model of every curve; radius in roots of the energy, ``enough`` in energies."""
        return models(self, self.preconditioner).build(
            self.rows,
            self.controls,
            self.energy,
            self.gradient,
            radius * self.energy.sqrt(),
            enough * self.energy,
        )

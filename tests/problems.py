"""Decoders for tests: geodesic problems with known answers, and a small network of each family."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Normal

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture

torch.set_num_threads(1)

DOUBLE = {"dtype": torch.float64}


@dataclass(frozen=True)
class Problem:
    """Pairs of points whose geodesics are known.

    ``flatten`` maps points on a geodesic to coordinates in which it runs straight at constant
    speed; ``length`` holds the geodesic distances.
    """

    decoder: Callable[[Tensor], Distribution]
    z0: Tensor
    z1: Tensor
    length: Tensor
    flatten: Callable[[Tensor], Tensor]

    def to(self, dtype: torch.dtype) -> "Problem":
        z0, z1, length = (x.to(dtype) for x in (self.z0, self.z1, self.length))
        return Problem(self.decoder, z0, z1, length, self.flatten)


def embed(map_to_mean: Callable[[Tensor], Tensor], scale: float = 0.7) -> Callable:
    """Decoder of translated normals: its geometry is that of the embedded surface."""

    def decoder(z: Tensor) -> Normal:
        return Normal(map_to_mean(z), scale)

    return decoder


def make_plane(dims: int = 2, pairs: int = 3) -> Problem:
    """A linear embedding in twelve dimensions: geodesics are straight."""
    generator = torch.Generator().manual_seed(dims)
    matrix = torch.randn(dims, 12, generator=generator, **DOUBLE)
    z0, z1 = torch.randn(2, pairs, dims, generator=generator, **DOUBLE)
    decoder = embed(lambda z: z @ matrix.to(z.dtype))
    return Problem(decoder, z0, z1, ((z1 - z0) @ matrix).norm(dim=-1), lambda z: z)


def make_circle() -> Problem:
    """A circle of radius 3 in a latent line that runs at uneven speed."""

    def mean(z: Tensor) -> Tensor:
        angle = z + 0.2 * z**2
        return 3 * torch.cat((angle.cos(), angle.sin()), -1)

    z0, z1 = torch.tensor([[-1.0], [0.0]], **DOUBLE), torch.tensor([[1.5], [2.0]], **DOUBLE)
    length = 3 * ((z1 + 0.2 * z1**2) - (z0 + 0.2 * z0**2)).abs().squeeze(-1)
    return Problem(embed(mean), z0, z1, length, lambda z: z + 0.2 * z**2)


def make_cylinder() -> Problem:
    """A cylinder in a sheared chart, where its geodesics are parabolas."""

    def unroll(z: Tensor) -> Tensor:
        angle, height = z.unbind(-1)
        return torch.stack((angle - 0.3 * height**2, height), -1)

    def mean(z: Tensor) -> Tensor:
        angle, height = unroll(z).unbind(-1)
        return torch.stack((angle.cos(), angle.sin(), height), -1)

    z0 = torch.tensor([[0.0, -1.0], [0.5, 0.0], [1.0, 1.0]], **DOUBLE)
    z1 = torch.tensor([[1.5, 1.0], [-0.5, 1.5], [0.0, 1.0]], **DOUBLE)
    return Problem(embed(mean), z0, z1, (unroll(z1) - unroll(z0)).norm(dim=-1), unroll)


def make_sphere() -> Problem:
    """The unit sphere in colatitude and longitude: geodesics are great circles."""

    def mean(z: Tensor) -> Tensor:
        colatitude, longitude = z.unbind(-1)
        x, y = colatitude.sin() * longitude.cos(), colatitude.sin() * longitude.sin()
        return torch.stack((x, y, colatitude.cos()), -1)

    z0 = torch.tensor([[0.8, -0.7], [1.2, 0.0], [0.7, 0.2]], **DOUBLE)
    z1 = torch.tensor([[0.8, 0.7], [1.9, 1.0], [1.4, -0.6]], **DOUBLE)
    a, b = mean(z0), mean(z1)
    length = torch.linalg.vector_norm(torch.linalg.cross(a, b), dim=-1)
    length = torch.atan2(length, (a * b).sum(-1))

    def angle_from_start(z: Tensor) -> Tensor:
        """Angle along the great circle, and height above its plane."""
        pole = torch.linalg.cross(a, b)
        pole = pole / pole.norm(dim=-1, keepdim=True)
        x = mean(z)
        along = (x * torch.linalg.cross(pole, a)[:, None]).sum(-1)
        angle = torch.atan2(along, (x * a[:, None]).sum(-1))
        return torch.stack((angle, (x * pole[:, None]).sum(-1)), -1)

    return Problem(embed(mean), z0, z1, length, angle_from_start)


PROBLEMS = {
    "plane": make_plane(),
    "circle": make_circle(),
    "cylinder": make_cylinder(),
    "sphere": make_sphere(),
}


def make_wall(height: float = 3.0) -> Callable[[Tensor], Distribution]:
    """A flat plane with a wall on the axis x = 0, which ends at y = 1."""

    def decoder(z: Tensor) -> Distribution:
        x, y = z.unbind(-1)
        wall = height * torch.exp(-((x / 0.3) ** 2)) * torch.sigmoid((1 - y) / 0.05)
        return Normal(torch.stack((x, y, wall), -1), 1.0)

    return decoder


def scatter_around_wall(count: int = 400) -> Tensor:
    """Codes on both sides of the wall and beyond its end, none on it."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.rand(2 * count, 2, generator=generator, **DOUBLE) * 4 - 2
    return codes[(codes[:, 0].abs() > 0.7) | (codes[:, 1] > 1.2)][:count]


def make_network(
    family: str, *, dims: int = 2, variables: int = 6, seed: int = 0, **like
) -> Callable[[Tensor], Distribution]:
    """A small random decoder: normal, bernoulli, categorical, logistic, or mixture."""
    like = DOUBLE | like
    outputs = {"normal": 2, "bernoulli": 1, "categorical": 4, "logistic": 2, "mixture": 15}[family]
    generator = torch.Generator().manual_seed(seed)
    inner = torch.randn(dims, 16, generator=generator, **DOUBLE).to(**like) / 2
    outer = torch.randn(16, variables * outputs, generator=generator, **DOUBLE).to(**like) / 4

    def decoder(z: Tensor) -> Distribution:
        h = (torch.tanh(z @ inner) @ outer).unflatten(-1, (variables, outputs))
        if family == "bernoulli":
            return Bernoulli(logits=h.squeeze(-1))
        if family == "categorical":
            return Categorical(logits=h)
        if family == "normal":
            return Normal(h[..., 0], h[..., 1].exp())
        logits, loc, scale = (
            h.chunk(3, -1) if family == "mixture" else (h[..., :1] * 0, *h.split(1, -1))
        )
        return DiscretizedLogisticMixture(logits, 128 + 120 * torch.tanh(loc), 8 * scale.exp())

    return decoder


FAMILIES = ["normal", "bernoulli", "categorical", "logistic", "mixture"]

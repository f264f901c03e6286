r"""Sequences of images whose intermediates are known: brightness, contrast and rotation.

An image x becomes a sequence :math:`x_u`, u from 0 to 1, of which only one thing changes. A path
between its two ends recovers the sequence if the image halfway is :math:`x_{1/2}`. Of brightness
and contrast the grey level of every pixel moves straight from one value to the other, so that the
cross-fade of the ends *is* the sequence; under rotation the ink moves across pixels.
"""

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from latent_transport.distributions.registry import distribution_mean
from latent_transport.evidence.keys import FADE, IMAGES, SEQUENCES
from latent_transport.geometries.measures import equal_length_parameters, points_along
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.kernels.constants import LEVELS
from latent_transport.models.vae import VAE

DARKEST = 0.2  # brightness at u = 0
FLATTEST = 0.2  # contrast at u = 0
TURN = math.radians(45)  # from the upright, to either side
GRID = 41  # parameters u that are tried for the image halfway

Transform = Callable[[Tensor, Tensor], Tensor]
"""Images (n, D) in grey levels, D a square, and parameters (n,) in [0, 1]: images (n, D)."""


def brighten(images: Tensor, u: Tensor) -> Tensor:
    """Scale grey levels, from a fifth at u = 0 to all at 1: (n, D), (n,) to (n, D)."""
    return images * torch.lerp(torch.full_like(u, DARKEST), torch.ones_like(u), u)[:, None]


def sharpen(images: Tensor, u: Tensor) -> Tensor:
    """Scale the distance to middle grey, from a fifth at u = 0 to all: (n, D), (n,) to (n, D)."""
    middle = 0.5 * (LEVELS - 1)
    share = torch.lerp(torch.full_like(u, FLATTEST), torch.ones_like(u), u)  # (n,)
    return middle + (images - middle) * share[:, None]


def rotate(images: Tensor, u: Tensor) -> Tensor:
    """Rotate about the centre, from -45 degrees at u = 0 to 45 at 1: (n, D), (n,) to (n, D)."""
    side = math.isqrt(images.shape[-1])
    angle = TURN * (2 * u - 1)  # (n,)
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = [torch.stack(row, -1) for row in ((cosine, -sine, zero), (sine, cosine, zero))]
    grid = F.affine_grid(torch.stack(rows, 1), [len(u), 1, side, side], align_corners=False)
    turned = F.grid_sample(images.view(-1, 1, side, side), grid, align_corners=False)
    return turned.flatten(1)  # (n, D)


TRANSFORMS: dict[str, Transform] = dict(zip(SEQUENCES, (brighten, sharpen, rotate), strict=True))


def transform_at_random(name: str, images: Tensor, generator: torch.Generator) -> Tensor:
    """Put every image (n, D) at a random place in its sequence: whole grey levels, (n, D)."""
    u = torch.rand(len(images), generator=generator, device=generator.device).to(images)  # (n,)
    return TRANSFORMS[name](images, u).round()


@torch.no_grad()
def measure_halfway(
    name: str, vae: VAE, images: Tensor, paths: Mapping[str, Tensor]
) -> dict[str, dict[str, Tensor]]:
    """Compare the images halfway with what stands there in the sequence, as the model shows it.

    Reconstructions are smoother than images, so that all is compared with reconstructions.

    Parameters
    ----------
    name : str
        One of :data:`SEQUENCES`.
    vae : VAE
        Trained on images from everywhere in their sequences.
    images : Tensor, shape (B, D)
        What the sequences are of, in grey levels.
    paths : mapping of str to Tensor, shape (B, N, d)
        Points on latent paths from the code of each sequence's beginning to that of its end; their
        middle is taken by W1 length.

    Returns
    -------
    dict of dict of Tensor, shape (B,)
        By path, and last for the cross-fades of the reconstructed ends: ``error``, the root mean
        square difference to the reconstruction of the true image halfway, and ``image_error``, to
        that image itself, in grey levels; and ``offset``, how far the u at which the reconstructed
        sequence is nearest lies from 1/2.
    """
    steps = torch.linspace(0, 1, GRID).tolist()
    decoder = vae.decoder

    def decode(z: Tensor) -> Tensor:
        return distribution_mean(decoder(z))  # (B, D)

    sequence = torch.stack([decode(encode_at(name, vae, images, u)) for u in steps], 1)  # (B, U, D)
    middle = TRANSFORMS[name](images, images.new_full(images.shape[:1], 0.5))  # (B, D)

    def compare(found: Tensor) -> dict[str, Tensor]:
        errors = (sequence - found[:, None]).square().mean(-1).sqrt()  # (B, U)
        return {
            "error": errors[:, GRID // 2],
            "image_error": (found - middle).square().mean(-1).sqrt(),
            "offset": (images.new_tensor(steps)[errors.argmin(-1)] - 0.5).abs(),
        }

    half = images.new_tensor([0.5])  # (1,)
    measured = {}
    for path, points in paths.items():
        parameters = equal_length_parameters(Wasserstein1(decoder), points, half)  # (B, 1)
        measured[path] = compare(decode(points_along(points, parameters)[:, 0]))
    return measured | {FADE: compare(torch.lerp(sequence[:, 0], sequence[:, -1], half))}


@torch.no_grad()
def follow_sequence(
    name: str, vae: VAE, images: Tensor, paths: Mapping[str, Tensor], fractions: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Follow paths beside the sequence from end to end.

    Parameters
    ----------
    name, vae, images, paths
        As for :func:`measure_halfway`.
    fractions : Tensor, shape (T,)
        In [0, 1], of the paths' W1 lengths; the sequence is followed by its u.

    Returns
    -------
    errors : dict of Tensor, shape (B, T)
        By path, and last for the cross-fades of the reconstructed ends: the root mean square
        difference to the reconstruction of the true image at u, in grey levels.
    strips : dict of Tensor, shape (T, D)
        Images of the first sequence: the true ones, ``images``, and those on each path.
    """
    decoder = vae.decoder
    codes = [encode_at(name, vae, images, u) for u in fractions.tolist()]
    sequence = torch.stack([distribution_mean(decoder(z)) for z in codes], 1)  # (B, T, D)
    found = {}
    for path, points in paths.items():
        parameters = equal_length_parameters(Wasserstein1(decoder), points, fractions)  # (B, T)
        z = points_along(points, parameters)  # (B, T, d)
        found[path] = distribution_mean(decoder(z))  # (B, T, D)
    found[FADE] = torch.lerp(sequence[:, :1], sequence[:, -1:], fractions[:, None])
    errors = {path: (x - sequence).square().mean(-1).sqrt() for path, x in found.items()}
    first = images[:1].expand(len(fractions), -1)  # (T, D)
    strips = {IMAGES: TRANSFORMS[name](first, fractions)}
    return errors, strips | {path: x[0] for path, x in found.items()}


@torch.no_grad()
def encode_at(name: str, vae: VAE, images: Tensor, u: float) -> Tensor:
    """Means of the codes of the images (B, D) at a place u of their sequences: (B, d)."""
    there = TRANSFORMS[name](images, images.new_full(images.shape[:1], u)).round()  # (B, D)
    return vae.encoder(there).base_dist.loc

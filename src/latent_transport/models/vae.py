"""Variational autoencoder with a discretised-logistic-mixture decoder."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from typing_extensions import override

from latent_transport.checks import holds
from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.kernels.constants import LEVELS
from latent_transport.models.architectures import ARCHITECTURES, CONVOLUTIONS
from latent_transport.models.networks import (
    REDUCTION,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    make_perceptron,
)
from latent_transport.models.weights import load_module, save_module

HALF_RANGE = (LEVELS - 1) / 2
LARGEST = 2**18  # of an architecture's sizes, so that no product of three overflows


@dataclass(frozen=True)
class Architecture:
    """Shape of a :class:`VAE`; everything needed to rebuild one before loading its weights.

    Attributes
    ----------
    latent_dim : int
        Dimension d of the latent space.
    data_dim : int
        Number D of pixels.
    hidden : tuple of int
        Widths of the encoder's hidden layers, or the channels of its two convolutions; the decoder
        mirrors them.
    components : int
        Components K of the decoder's discretised logistic mixture.
    min_scale : float
        Lower bound of the decoder's scales, in grey levels. It keeps the decoder's distributions
        away from Diracs, where W1 is constant outside the range of the levels.
    input_dropout : float
        Share of the pixels hidden from the encoder at each training step, which keeps it from
        fitting the training images better than held-out ones.
    kind : {"mlp", "conv"}
        Perceptrons; or two convolutions that halve a square image, whose side is a multiple of 4,
        and a layer to the latent space.

    Raises
    ------
    ValueError
        If a size is not a positive integer, another value is out of its range, or convolutions do
        not fit the images.
    """

    latent_dim: int
    data_dim: int = 784
    hidden: tuple[int, ...] = (256, 256)
    components: int = 1
    min_scale: float = 0.25
    input_dropout: float = 0.1
    kind: str = "mlp"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # of files, it is a list
        sizes = {name: getattr(self, name) for name in ("latent_dim", "data_dim", "components")}
        sizes |= {f"hidden[{i}]": width for i, width in enumerate(self.hidden)}
        for name, size in sizes.items():
            if type(size) is not int or not 1 <= size <= LARGEST:
                raise ValueError(f"{name} is {size!r}; expected an integer from 1 to {LARGEST}")
        if not (_is_real(self.min_scale) and 0 < self.min_scale < math.inf):
            raise ValueError(f"min_scale is {self.min_scale!r}; expected a positive number")
        if not (_is_real(self.input_dropout) and 0 <= self.input_dropout < 1):
            raise ValueError(
                f"input_dropout is {self.input_dropout!r}; expected a number from 0, below 1"
            )
        if self.kind not in ARCHITECTURES:
            raise ValueError(f"kind is {self.kind!r}; expected one of {', '.join(ARCHITECTURES)}")
        if self.kind == "conv":
            self._check_convolutions()

    @property
    def side(self) -> int:
        """Height and width of square images of so many pixels."""
        return math.isqrt(self.data_dim)

    def _check_convolutions(self) -> None:
        if len(self.hidden) != CONVOLUTIONS:
            raise ValueError(
                f"hidden is {self.hidden}; expected the channels of two convolutions, since the "
                "kind is conv"
            )
        if self.side**2 != self.data_dim or self.side % REDUCTION:
            raise ValueError(
                f"data_dim is {self.data_dim}; convolutions need square images whose side is a "
                f"multiple of {REDUCTION}, such as 784 = 28 x 28: pad or crop them, or choose the "
                "kind mlp"
            )


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Encoder(nn.Module):
    """From images (..., D) in grey levels to the posterior q(z|x), batch shape (...)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.net: nn.Module
        if a.kind == "conv":
            self.net = ConvolutionalEncoder(a.side, a.hidden, 2 * a.latent_dim)
        else:
            self.net = make_perceptron((a.data_dim, *a.hidden, 2 * a.latent_dim))
        self.input_dropout = a.input_dropout

    @override
    def forward(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> "Independent[Normal]":
        """Return q(z|x), a Normal with diagonal covariance on R^d.

        In training, the generator draws the pixels that are hidden.
        """
        dtype = next(self.parameters()).dtype
        scaled = images.to(dtype) / HALF_RANGE - 1  # (..., D)
        if self.training and self.input_dropout:
            # Not nn.Dropout, which would draw from the global generator.
            kept = torch.rand(scaled.shape, generator=generator, device=scaled.device)  # (..., D)
            scaled = scaled * (kept >= self.input_dropout) / (1 - self.input_dropout)
        loc, log_scale = self.net(scaled).chunk(2, dim=-1)  # (..., d) each
        return Independent(Normal(loc, log_scale.clamp(-8, 8).exp(), validate_args=False), 1)


class Decoder(nn.Module):
    """From latent points (..., d) to p(x|z), batch shape (..., D)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        channels = 2 * a.components + (a.components if a.components > 1 else 0)
        self.net: nn.Module
        if a.kind == "conv":
            self.net = ConvolutionalDecoder(a.latent_dim, a.hidden, a.side, channels)
        else:
            self.net = make_perceptron((a.latent_dim, *reversed(a.hidden), channels * a.data_dim))
        with torch.no_grad():
            *_, last = self.net.parameters()
            bias = last.view(channels, -1)  # (channels, D), or (channels, 1) of a convolution
            bias.zero_()
            # Most pixels are background: starting inside the range, at grey level 0 and above,
            # keeps their locations where W1 still has a gradient.
            bias[: a.components] = torch.linspace(-1, 0.5, a.components)[:, None]
            bias[a.components : 2 * a.components] = 2.0

    @override
    def forward(self, z: Tensor) -> DiscretizedLogisticMixture:
        """Return p(x|z): locations and scales in grey levels, scales above ``min_scale``."""
        a = self.architecture
        channels = self.net(z).unflatten(-1, (-1, a.data_dim))  # (..., channels, D)
        channels = channels.movedim(-2, -1)  # (..., D, channels)
        loc = HALF_RANGE * (1 + channels[..., : a.components])  # (..., D, K)
        raw_scale = channels[..., a.components : 2 * a.components]  # (..., D, K)
        scale = a.min_scale + raw_scale.clamp(max=8).exp()  # (..., D, K)
        logits = channels[..., 2 * a.components :]  # (..., D, K), or empty for K = 1
        if a.components == 1:
            logits = torch.zeros_like(loc)  # (..., D, 1)
        return DiscretizedLogisticMixture(logits, loc, scale, validate_args=False)


class VAE(nn.Module):
    """Variational autoencoder with a standard normal prior (Roy & Hauberg 2022, Eq. 1).

    Its ``encoder`` maps images (..., D) in grey levels to q(z|x), a normal distribution of batch
    shape (...) on R^d; its ``decoder``, of which geometries are made, latent points (..., d) to
    p(x|z), a :class:`DiscretizedLogisticMixture` of batch shape (..., D).

    Parameters
    ----------
    architecture : Architecture
        Sizes d and D, and the layers between them.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = Encoder(architecture)
        self.decoder = Decoder(architecture)

    def elbo_terms(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        r"""Reconstruction term and KL divergence of the ELBO (Roy & Hauberg 2022, Eq. 1).

        .. math:: \mathcal L(x) = E_{q(z|x)}[\log p(x|z)] - KL(q(z|x) \,\|\, p(z))

        The expectation is estimated with one reparametrised sample, the KL is exact.

        Parameters
        ----------
        images : Tensor, shape (n, D)
            Grey levels 0..255.
        generator : torch.Generator, optional
            Source of the sample and, in training, of the encoder's dropout.

        Returns
        -------
        tuple of Tensor, each (n,)
            log p(x|z) and KL, in nats.
        """
        reconstruction, kl = self.elbo_terms_by_dimension(images, generator)
        return reconstruction, kl.sum(-1)

    def elbo_terms_by_dimension(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Terms of the ELBO as :meth:`elbo_terms`, with the KL of each latent dimension.

        Returns
        -------
        tuple of Tensor, shapes (n,) and (n, d)
            log p(x|z), and the KL of the posterior's factors, which sum to its KL; in nats.
        """
        posterior = self.encoder(images, generator)
        loc, scale = posterior.base_dist.loc, posterior.base_dist.scale  # (n, d)
        noise = torch.randn(
            loc.shape, generator=generator, dtype=loc.dtype, device=loc.device
        )  # (n, d)
        z = loc + scale * noise  # (n, d)
        reconstruction = self.decoder(z).log_prob(images).sum(-1)  # (n,)
        kl = 0.5 * (loc.square() + scale.square() - 1 - 2 * scale.log())  # (n, d)
        return reconstruction, kl


def check_images(name: str, images: Tensor, architecture: Architecture) -> None:
    """Refuse what are no images (n, D), n > 0, of an architecture's size, in grey levels.

    Raises
    ------
    ValueError
        If they have another shape, or values that are no whole numbers from 0 to 255, or only 0 and
        1: images scaled to [0, 1] would be trained on as if they were black.
    """
    dims = architecture.data_dim
    if images.ndim != 2 or images.shape[1] != dims or len(images) == 0:
        raise ValueError(
            f"{name} images have shape {tuple(images.shape)}; expected (n, {dims}), n > 0"
        )
    low, high = images.aminmax()  # () each, nan if there is one, which the loss will tell
    between = images.remainder(1).amax() > 0  # ()
    if not holds(~((low < 0) | (high > LEVELS - 1) | (high == 1) | between)):
        raise ValueError(
            f"{name} images have values from {float(low):.4g} to {float(high):.4g}; expected whole "
            f"grey levels, 0 to {LEVELS - 1}: scale them to that range, and round"
        )


def save_vae(vae: VAE, path: str | Path, metadata: Mapping[str, str]) -> None:
    """Write weights and architecture to a safetensors file (no pickle).

    Parameters
    ----------
    vae : VAE
        The model.
    path : path
        File to write; replaced as a whole.
    metadata : mapping of str to str
        Kept beside the architecture, such as the seed.
    """
    save_module(vae, path, {"architecture": asdict(vae.architecture)}, metadata)


def load_vae(path: str | Path, device: torch.device | str = "cpu") -> VAE:
    """Read a model that :func:`save_vae` wrote: in eval mode, gradients off.

    Parameters
    ----------
    path : path
        The safetensors file.
    device : torch.device or str, optional
        Where the model is to be.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds no such model.
    """
    return load_module(
        path, lambda fields: VAE(Architecture(**fields)), "architecture", kind="vae", device=device
    )

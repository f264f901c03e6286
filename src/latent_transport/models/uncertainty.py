"""A trained decoder that grows uncertain away from the codes.

It gives a :class:`DiscretizedLogisticMixture`, so that every geometry takes it as it takes the
trained decoder.
"""

import copy
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from typing_extensions import override

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.models.elbo import evaluate_elbo
from latent_transport.models.vae import HALF_RANGE, VAE
from latent_transport.storage import DataError, load_arrays, save_arrays

WIDEST_SCALE = 55.3485229  # minimises W1 to the uniform distribution on 0..255 (5.60 levels)
OFFSET = math.log(1e3)  # of the sigmoid: an uncertainty of 1e-3 on top of a lone centre
BISECTIONS = 16
WIDTHS = (1e-3, 1e1)  # searched, in units of the codes' spread


class UncertainDecoder(nn.Module):
    r"""A trained decoder that grows uncertain away from the codes.

    Its locations and scales move on straight lines (along which W2 moves a logistic at constant
    speed) from the decoder's to those of the single discretised logistic that is closest in W1 to
    the uniform distribution on the 256 levels: location 127.5, scale 55.35, at a W1 of 5.60 levels.
    No logistic is uniform: a wider one crowds the two end levels. How far they have moved is a
    translated sigmoid of the distance to the nearest centre (Arvanitidis et al. 2018, *Latent space
    oddity*, and 2022, *Pulling back information geometry*), written here so that it is smooth,

    .. math:: \alpha(z) = \sigma(-\log \sum_c e^{-D_c(z) / w} - \log 1000), \qquad
              D_c(z) = \sqrt{\|z - c\|^2 + w^2} - w :

    the nearest is meant softly, at the width w of the sigmoid, and distances are rounded off at
    their centre.

    All that is far from the codes looks alike to such a decoder: the distance between two points
    there tends to 0, and crossing over costs a finite length. So a geodesic can lead through the
    void where the way along the codes is longer than that.

    Parameters
    ----------
    decoder : nn.Module
        Latent points (..., d) to discretised logistic mixtures of batch shape (..., D).
    centres : Tensor, shape (k, d)
        Where the decoder is trusted, such as k-means centres of samples of the codes.
    width : float or Tensor of shape ()
        w, in latent units; the smaller, the closer to the centres uncertainty sets in.

    Raises
    ------
    ValueError
        If the centres are no (k, d), k > 0, or the width is not positive.
    """

    centres: Tensor
    width: Tensor

    def __init__(self, decoder: nn.Module, centres: Tensor, width: float | Tensor) -> None:
        super().__init__()
        if centres.ndim != 2 or len(centres) == 0:
            raise ValueError(f"centres have shape {tuple(centres.shape)}; expected (k, d), k > 0")
        if not width > 0:
            raise ValueError(f"width is {width}; expected a positive number")
        self.decoder = decoder
        width = torch.as_tensor(width, dtype=centres.dtype, device=centres.device)
        self.register_buffer("centres", centres.detach().clone())
        self.register_buffer("width", width.detach().clone())

    def uncertainty(self, z: Tensor) -> Tensor:
        """Share of the way to the widest logistic at latent points (..., d): (...) in (0, 1)."""
        # Squares are expanded around the middle of the centres, where rounding matters least.
        middle = self.centres.mean(0)  # (d,)
        z, centres = (z - middle) / self.width, (self.centres - middle) / self.width
        square = z.square().sum(-1, keepdim=True) + centres.square().sum(-1)  # (..., k)
        square = square - 2 * z @ centres.mT  # (..., k), squared distances in units of the width
        nearness = torch.logsumexp(1 - (1 + square.clamp(min=0)).sqrt(), -1)  # (...)
        return torch.sigmoid(-nearness - OFFSET)

    @override
    def forward(self, z: Tensor) -> DiscretizedLogisticMixture:
        """Return p(x|z), batch shape (..., D).

        Raises
        ------
        TypeError
            If the decoder's distributions are no discretised logistic mixtures.
        """
        trained = self.decoder(z)
        if not isinstance(trained, DiscretizedLogisticMixture):
            raise TypeError(
                f"the decoder of UncertainDecoder returns a {type(trained).__name__}; expected a "
                "DiscretizedLogisticMixture, whose scales can grow: for others, keep curves near "
                "the codes by Conformal(geometry, AggregatePosterior(codes), strength)"
            )
        share = self.uncertainty(z)[..., None, None]  # (..., 1, 1)
        loc = trained.loc + share * (HALF_RANGE - trained.loc)  # (..., D, K)
        scale = trained.scale + share * (WIDEST_SCALE - trained.scale)  # (..., D, K)
        return DiscretizedLogisticMixture(trained.logits, loc, scale, validate_args=False)


def fit_uncertainty(
    vae: VAE,
    mean: Tensor,
    scale: Tensor,
    validation_images: Tensor,
    *,
    centres: int = 128,
    limit: float = 0.01,
    seed: int,
) -> tuple[UncertainDecoder, dict[str, float]]:
    """Make a trained decoder uncertain away from the codes, as far as the ELBO allows.

    The centres are those of k-means on a sample of each image's posterior, which is where the
    decoder was trained: posterior means lie in a slab around 0 along dimensions that the encoder
    ignores, in which no sample does. The width is the smallest that worsens the ELBO of the
    validation images by less than ``limit``, with the same latent noise before and after.

    Parameters
    ----------
    vae : VAE
        The trained model; left as it is.
    mean, scale : Tensor, shape (n, d)
        Means and standard deviations of the training images' posteriors.
    validation_images : Tensor, shape (m, D)
        Grey levels.
    centres : int
        Centres of k-means; at most one for every four codes is used.
    limit : float
        Largest relative change of the ELBO.
    seed : int
        Seeds k-means, the samples and the latent noise.

    Returns
    -------
    tuple of UncertainDecoder and dict
        The decoder, and ``plain_loss`` and ``uncertain_loss`` (negative ELBO, bits per dimension)
        and their relative ``change``.

    Raises
    ------
    ValueError
        If the limit is not positive, there are fewer than four codes, or mean and scale differ in
        shape.
    """
    from sklearn.cluster import KMeans  # here, since decoders are loaded without it

    if not limit > 0:
        raise ValueError(f"limit is {limit}; expected a positive share of the ELBO")
    if mean.shape != scale.shape:
        raise ValueError(
            f"mean has shape {tuple(mean.shape)}, scale {tuple(scale.shape)}; expected (n, d) of "
            "both"
        )
    count = min(centres, len(mean) // 4)
    if count < 1:
        raise ValueError(f"{len(mean)} codes and {centres} centres; expected 4 codes or more")
    # Drawn on the CPU: the same samples, and so centres, wherever the codes are.
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))  # (n, d)
    samples = mean + scale * noise.to(mean)  # (n, d)
    kmeans = KMeans(count, n_init=1, random_state=seed).fit(samples.cpu().numpy())
    places = torch.from_numpy(kmeans.cluster_centers_).to(mean)  # (k, d)
    encoder = copy.deepcopy(vae.encoder).eval()  # in training it would hide pixels

    def evaluate(decoder: nn.Module) -> float:
        with torch.device("meta"):
            model = VAE(vae.architecture)
        model.register_module("encoder", encoder)
        model.register_module("decoder", decoder)
        generator = torch.Generator(device=mean.device).manual_seed(seed)
        return evaluate_elbo(model, validation_images, generator=generator)["loss"]

    plain = evaluate(vae.decoder)
    spread = samples.var(0).mean().sqrt().item()
    low, high = (math.log(width * spread) for width in WIDTHS)
    # Uncertainty falls everywhere as the width grows, so the loss is bisected.
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        loss = evaluate(UncertainDecoder(vae.decoder, places, math.exp(middle)))
        if abs(loss - plain) < limit * abs(plain):
            high = middle
        else:
            low = middle
    decoder = UncertainDecoder(vae.decoder, places, math.exp(high))
    loss = evaluate(decoder)
    change = (loss - plain) / abs(plain)
    return decoder, {"plain_loss": plain, "uncertain_loss": loss, "change": change}


def save_uncertainty(
    decoder: UncertainDecoder, path: str | Path, metadata: Mapping[str, str]
) -> None:
    """Write the centres (k, d) and the width, without the trained decoder, to a safetensors file.

    Parameters
    ----------
    decoder : UncertainDecoder
        The decoder.
    path : path
        File to write; replaced as a whole.
    metadata : mapping of str to str
        Kept beside, such as the change of the ELBO.
    """
    arrays = {name: getattr(decoder, name).cpu().numpy() for name in ("centres", "width")}
    save_arrays(path, arrays, metadata)


def load_uncertainty(path: str | Path, decoder: nn.Module) -> UncertainDecoder:
    """Read what :func:`save_uncertainty` wrote, around a trained decoder and on its device.

    Parameters
    ----------
    path : path
        The safetensors file.
    decoder : nn.Module
        The decoder that was made uncertain; its first parameter takes the d latent dimensions.

    Raises
    ------
    DataError
        If the file is missing or damaged, or its centres are of another latent space.
    """
    arrays = load_arrays(path, "centres", "width")
    weight = next(decoder.parameters())
    expected = weight.shape[1]
    if arrays["centres"].ndim != 2 or arrays["centres"].shape[1] != expected:
        raise DataError(
            f"{path} has centres of shape {arrays['centres'].shape}; the decoder's latent space "
            f"has {expected} dimensions: delete it and run the workflow again"
        )
    centres, width = (torch.from_numpy(arrays[name]).to(weight) for name in ("centres", "width"))
    return UncertainDecoder(decoder, centres, width)

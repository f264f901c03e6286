"""Decoders that know where the data is: uncertain away from the codes, or an ensemble.

Both give a :class:`DiscretizedLogisticMixture`, so that every geometry takes them as it takes the
trained decoder.
"""

import copy
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.kernels.constants import LEVELS
from latent_transport.models.training import (
    NonFiniteLossError,
    Schedule,
    bits_per_dim,
    evaluate_elbo,
)
from latent_transport.models.vae import HALF_RANGE, VAE, Architecture, Decoder, load_weights
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

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
        Where the decoder is trusted, such as k-means centres of the codes.
    width : float or Tensor of shape ()
        w, in latent units; the smaller, the closer to the centres uncertainty sets in.
    """

    def __init__(self, decoder: nn.Module, centres: Tensor, width: float | Tensor) -> None:
        super().__init__()
        if centres.ndim != 2 or len(centres) == 0:
            raise ValueError(f"centres have shape {tuple(centres.shape)}; expected (k, d), k > 0")
        if not width > 0:
            raise ValueError(f"width is {width}; expected a positive number")
        self.decoder = decoder
        like = {"dtype": centres.dtype, "device": centres.device}
        self.register_buffer("centres", centres.detach().clone())
        self.register_buffer("width", torch.as_tensor(width, **like).detach().clone())

    def uncertainty(self, z: Tensor) -> Tensor:
        """Share of the way to the widest logistic at latent points (..., d): (...) in (0, 1)."""
        # Squares are expanded around the middle of the centres, where rounding matters least.
        middle = self.centres.mean(0)  # (d,)
        z, centres = (z - middle) / self.width, (self.centres - middle) / self.width
        square = z.square().sum(-1, keepdim=True) + centres.square().sum(-1)  # (..., k)
        square = square - 2 * z @ centres.mT  # (..., k), squared distances in units of the width
        nearness = torch.logsumexp(1 - (1 + square.clamp(min=0)).sqrt(), -1)  # (...)
        return torch.sigmoid(-nearness - OFFSET)

    def forward(self, z: Tensor) -> DiscretizedLogisticMixture:
        """Return p(x|z), batch shape (..., D)."""
        trained = self.decoder(z)
        share = self.uncertainty(z)[..., None, None]  # (..., 1, 1)
        loc = trained.loc + share * (HALF_RANGE - trained.loc)  # (..., D, K)
        scale = trained.scale + share * (WIDEST_SCALE - trained.scale)  # (..., D, K)
        return DiscretizedLogisticMixture(trained.logits, loc, scale, validate_args=False)


def fit_uncertainty(
    vae: VAE,
    codes: Tensor,
    validation_images: Tensor,
    *,
    centres: int = 128,
    limit: float = 0.01,
    seed: int,
) -> tuple[UncertainDecoder, dict[str, float]]:
    """Make a trained decoder uncertain away from the codes, as far as the ELBO allows.

    The centres are those of k-means; the width is the smallest that worsens the ELBO of the
    validation images by less than ``limit``, with the same latent noise before and after.

    Parameters
    ----------
    vae : VAE
        The trained model; left as it is.
    codes : Tensor, shape (n, d)
        Posterior means of the training images.
    validation_images : Tensor, shape (m, D)
        Grey levels.
    centres : int
        Centres of k-means; at most one for every four codes is used.
    limit : float
        Largest relative change of the ELBO.
    seed : int
        Seeds k-means and the latent noise.

    Returns
    -------
    tuple of UncertainDecoder and dict
        The decoder, and ``plain_loss`` and ``uncertain_loss`` (negative ELBO, bits per dimension)
        and their relative ``change``.

    Raises
    ------
    ValueError
        If the limit is not positive, or there are fewer than four codes.
    """
    from sklearn.cluster import KMeans  # here, since decoders are loaded without it

    if not limit > 0:
        raise ValueError(f"limit is {limit}; expected a positive share of the ELBO")
    count = min(centres, len(codes) // 4)
    if count < 1:
        raise ValueError(f"{len(codes)} codes and {centres} centres; expected 4 codes or more")
    kmeans = KMeans(count, n_init=1, random_state=seed).fit(codes.cpu().numpy())
    places = torch.from_numpy(kmeans.cluster_centers_).to(codes)  # (k, d)
    encoder = copy.deepcopy(vae.encoder).eval()  # in training it would hide pixels

    def evaluate(decoder: nn.Module) -> float:
        with torch.device("meta"):
            model = VAE(vae.architecture)
        model.encoder, model.decoder = encoder, decoder
        generator = torch.Generator(device=codes.device).manual_seed(seed)
        return evaluate_elbo(model, validation_images, generator=generator)["loss"]

    plain = evaluate(vae.decoder)
    spread = codes.var(0).mean().sqrt().item()
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


def save_uncertainty(decoder: UncertainDecoder, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the centres (k, d) and the width, without the trained decoder, to a safetensors file.

    Parameters
    ----------
    decoder : UncertainDecoder
        The decoder.
    path : Path
        File to write; replaced as a whole.
    metadata : mapping of str to str
        Kept beside, such as the change of the ELBO.
    """
    arrays = {"centres": _to_numpy(decoder.centres), "width": _to_numpy(decoder.width)}
    save_arrays(path, arrays, metadata)


def load_uncertainty(path: Path, decoder: nn.Module) -> UncertainDecoder:
    """Read what :func:`save_uncertainty` wrote, around a trained decoder and on its device.

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


class EnsembleDecoder(nn.Module):
    r"""Decoders of one latent space as one, uncertain where they disagree.

    Each pixel's distribution is the single discretised logistic with the mean and variance of the
    members' mixture, which keeps W1 in closed form. With weights :math:`\pi_j`, locations
    :math:`m_j` and scales :math:`s_j` of all components of all members,

    .. math:: m = \sum_j \pi_j m_j, \qquad
              s^2 = \sum_j \pi_j s_j^2
                    + \frac{3}{\pi^2} \sum_j \pi_j (e_j - \textstyle\sum_i \pi_i e_i)^2 .

    These are the moments of the continuous logistics where they lie within the grey scale, for
    then the means on the grey scale :math:`e_j = s_j [\log(1 + e^{m_j / s_j}) - \log(1 +
    e^{(m_j - 255) / s_j})]` are the locations. Locations of background pixels lie hundreds of
    levels below 0, where members that agree on the image differ at no cost to any of them; their
    variance must not count as disagreement, and with the means on the grey scale it does not.

    Parameters
    ----------
    decoders : sequence of nn.Module
        Latent points (..., d) to discretised logistic mixtures of batch shape (..., D).

    Raises
    ------
    ValueError
        If there are no decoders.
    """

    def __init__(self, decoders: Sequence[nn.Module]) -> None:
        super().__init__()
        if len(decoders) == 0:
            raise ValueError("an ensemble of 0 decoders; expected at least 1")
        self.members = nn.ModuleList(decoders)

    def forward(self, z: Tensor) -> DiscretizedLogisticMixture:
        """Return the matched p(x|z), batch shape (..., D), one component."""
        mixtures = [member(z) for member in self.members]
        weight = torch.cat([p.logits.softmax(-1) for p in mixtures], -1) / len(mixtures)
        loc = torch.cat([p.loc for p in mixtures], -1)  # (..., D, J)
        scale = torch.cat([p.scale for p in mixtures], -1)  # (..., D, J)
        mean = scale * (F.softplus(loc / scale) - F.softplus((loc - LEVELS + 1) / scale))
        centred = mean - (weight * mean).sum(-1, keepdim=True)  # (..., D, J)
        square = scale.square() + 3 / math.pi**2 * centred.square()  # (..., D, J)
        return DiscretizedLogisticMixture(
            torch.zeros_like(loc[..., :1]),
            (weight * loc).sum(-1, keepdim=True),
            (weight * square).sum(-1, keepdim=True).sqrt(),
            validate_args=False,
        )


def train_ensemble(
    vae: VAE,
    train_images: Tensor,
    validation_images: Tensor,
    *,
    members: int,
    schedule: Schedule,
    seed: int,
    progress: str | None = None,
) -> tuple[EnsembleDecoder, list[float]]:
    """Train further decoders for the encoder of a trained VAE, which stays as it is.

    Each maximises E[log p(x|z)] over z from q(z|x), with weights, order of the images and latent
    samples of its own, and keeps its weights of the best epoch.

    Parameters
    ----------
    vae : VAE
        The trained model, whose own decoder is the first member.
    train_images, validation_images : Tensor, shapes (n, D) and (m, D)
        Grey levels, on the model's device.
    members : int
        Decoders in all, at least 2; one less is trained.
    schedule : Schedule
        Epochs, batch size, learning rate and patience of each.
    seed : int
        Member j is seeded by the j-th child of this seed: more members leave the first as they are.
    progress : str, optional
        Title of a progress bar; none is shown without.

    Returns
    -------
    tuple of EnsembleDecoder and list of float
        The ensemble, and each member's reconstruction loss on the validation images, in bits per
        dimension.

    Raises
    ------
    NonFiniteLossError
        If a loss is not finite; names the member and the epoch.
    ValueError
        If fewer than two members are asked for, or there are no images of the model's size.
    """
    if members < 2:
        raise ValueError(f"an ensemble of {members} members; expected at least 2")
    dims = vae.architecture.data_dim
    for name, images in (("training", train_images), ("validation", validation_images)):
        if images.ndim != 2 or images.shape[1] != dims or len(images) == 0:
            raise ValueError(
                f"{name} images have shape {tuple(images.shape)}; expected (n, {dims}), n > 0"
            )
    with torch.no_grad():
        train, validation = (
            _Pairs(images, *_posterior(vae, images)) for images in (train_images, validation_images)
        )
    decoders = [copy.deepcopy(vae.decoder)]
    losses = [validation.loss(decoders[0], seed)]
    steps = (members - 1) * schedule.epochs
    with tqdm(total=steps, desc=progress, disable=progress is None, unit="epoch") as bar:
        for member in range(1, members):
            child = int(np.random.SeedSequence([seed, member]).generate_state(1)[0])
            trained = _train_decoder(vae.architecture, train, validation, schedule, child, bar)
            decoders.append(trained)
            losses.append(validation.loss(trained, seed))
            bar.update(member * schedule.epochs - bar.n)
    return EnsembleDecoder(decoders).eval().requires_grad_(False), losses


class _Pairs:
    """Images and the posteriors of their codes."""

    def __init__(self, images: Tensor, mean: Tensor, scale: Tensor) -> None:
        self.images, self.mean, self.scale = images, mean, scale  # (n, D), (n, d), (n, d)

    def reconstruct(self, decoder: nn.Module, rows: Tensor, generator: torch.Generator) -> Tensor:
        """-log p(x|z) of some images, in nats, with one sample of q(z|x) each: shape (b,)."""
        mean = self.mean[rows]  # (b, d)
        noise = torch.randn(
            mean.shape, generator=generator, dtype=mean.dtype, device=mean.device
        )  # (b, d)
        return -decoder(mean + self.scale[rows] * noise).log_prob(self.images[rows]).sum(-1)

    def loss(self, decoder: nn.Module, seed: int) -> float:
        """Mean reconstruction loss in bits per dimension, always with the seed's noise."""
        generator = torch.Generator(device=self.images.device).manual_seed(seed)
        rows = torch.arange(len(self.images), device=self.images.device)
        with torch.no_grad():
            total = sum(
                self.reconstruct(decoder, batch, generator).double().sum()
                for batch in rows.split(1024)
            )
        return bits_per_dim(total.item() / len(rows), self.images.shape[1])


def _posterior(vae: VAE, images: Tensor) -> tuple[Tensor, Tensor]:
    """Means and scales of q(z|x), (n, d) each."""
    encoder = copy.deepcopy(vae.encoder).eval()  # in training it would hide pixels
    posteriors = [encoder(batch).base_dist for batch in images.split(4096)]
    return torch.cat([p.loc for p in posteriors]), torch.cat([p.scale for p in posteriors])


def _train_decoder(
    architecture: Architecture,
    train: _Pairs,
    validation: _Pairs,
    schedule: Schedule,
    seed: int,
    bar: tqdm,
) -> Decoder:
    device, count = train.images.device, len(train.images)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = Decoder(architecture).to(device)
    generator = torch.Generator(device=device).manual_seed(seed)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=schedule.learning_rate)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        schedule.learning_rate,
        total_steps=schedule.epochs * math.ceil(count / schedule.batch_size),
        pct_start=0.1,
        cycle_momentum=False,
    )
    best, best_epoch, best_weights = math.inf, 0, None
    for epoch in range(1, schedule.epochs + 1):
        order = torch.randperm(count, generator=generator, device=device)
        for rows in order.split(schedule.batch_size):
            loss = train.reconstruct(decoder, rows, generator).mean() / architecture.data_dim
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
            optimizer.step()
            rate.step()
        held_out = validation.loss(decoder, seed)
        if not math.isfinite(held_out):
            raise NonFiniteLossError(
                f"the validation loss of a member became {held_out} in epoch {epoch}; lower the "
                f"learning rate (now {schedule.learning_rate:g})"
            )
        bar.update()
        bar.set_postfix(bits_per_dim=f"{held_out:.4f}")
        if held_out < best:
            best, best_epoch = held_out, epoch
            best_weights = copy.deepcopy(decoder.state_dict())
        elif epoch - best_epoch >= schedule.patience:
            break
    decoder.load_state_dict(best_weights)
    return decoder.eval()


def save_ensemble(ensemble: EnsembleDecoder, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the members' weights and architecture to a safetensors file.

    Parameters
    ----------
    ensemble : EnsembleDecoder
        Of :class:`latent_transport.models.Decoder` members of one architecture.
    path : Path
        File to write; replaced as a whole.
    metadata : mapping of str to str
        Kept beside, such as the seed.
    """
    arrays = {name: _to_numpy(value) for name, value in ensemble.state_dict().items()}
    notes = {
        **metadata,
        "architecture": json.dumps(asdict(ensemble.members[0].architecture)),
        "members": str(len(ensemble.members)),
    }
    save_arrays(path, arrays, notes)


def load_ensemble(path: Path, device: torch.device | str = "cpu") -> EnsembleDecoder:
    """Read an ensemble that :func:`save_ensemble` wrote: in eval mode, gradients off.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds no ensemble.
    """
    metadata = load_metadata(path)
    try:
        fields: dict[str, Any] = json.loads(metadata["architecture"])
        architecture = Architecture(**{**fields, "hidden": tuple(fields["hidden"])})
        members = int(metadata["members"])
        arrays = len(load_arrays(path))
        if not 1 <= members <= arrays:
            raise ValueError(f"{members} members in {arrays} arrays")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} holds no ensemble ({error!r}); give a file that save_ensemble wrote, or "
            "delete it and run the workflow again"
        ) from error
    with torch.device("meta"):
        ensemble = EnsembleDecoder([Decoder(architecture) for _ in range(members)])
    load_weights(ensemble, path, device)
    return ensemble.eval().requires_grad_(False)


def _to_numpy(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()

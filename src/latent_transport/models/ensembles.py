"""Decoders of one latent space that are trained apart, and disagree away from the codes.

An ensemble gives a :class:`DiscretizedLogisticMixture`, so that every geometry takes it as it takes
the trained decoder.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.kernels.constants import LEVELS
from latent_transport.models.elbo import bits_per_dim
from latent_transport.models.loop import Schedule, make_seeded, train_module
from latent_transport.models.vae import VAE, Architecture, Decoder, check_images
from latent_transport.models.weights import load_module, save_module
from latent_transport.storage import load_arrays


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

    @override
    def forward(self, z: Tensor) -> DiscretizedLogisticMixture:
        """Return the matched p(x|z), batch shape (..., D), one component."""
        mixtures = [member(z) for member in self.members]
        weight = _gather([_weights(p) for p in mixtures]) / len(mixtures)  # (J, ..., D)
        loc = _gather([p.loc for p in mixtures])  # (J, ..., D)
        scale = _gather([p.scale for p in mixtures])  # (J, ..., D)
        mean = scale * (F.softplus(loc / scale) - F.softplus((loc - LEVELS + 1) / scale))
        centred = mean - (weight * mean).sum(0)  # (J, ..., D)
        square = scale.square() + 3 / math.pi**2 * centred.square()  # (J, ..., D)
        return DiscretizedLogisticMixture(
            torch.zeros_like(loc[0])[..., None],
            (weight * loc).sum(0)[..., None],
            (weight * square).sum(0).sqrt()[..., None],
            validate_args=False,
        )


def _weights(mixture: DiscretizedLogisticMixture) -> Tensor:
    """Weights of the components, (..., D, K): all 1 for K = 1, where a softmax is slow."""
    logits = mixture.logits
    return logits.softmax(-1) if logits.shape[-1] > 1 else torch.ones_like(logits)


def _gather(parameters: Sequence[Tensor]) -> Tensor:
    """A parameter of all members' components, (J, ..., D), which sums faster than (..., D, J)."""
    return torch.cat([parameter.movedim(-1, 0) for parameter in parameters])


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
        Title of the progress bars, one a member; none is shown without.

    Returns
    -------
    tuple of EnsembleDecoder and list of float
        The ensemble, and each member's reconstruction loss on the validation images, in bits per
        dimension.

    Raises
    ------
    NonFiniteLossError
        If a batch's or a validation loss is not finite; names the member (the first is 0), the
        epoch and the batch.
    ValueError
        If fewer than two members are asked for, or there are no images of the model's size.
    """
    if members < 2:
        raise ValueError(f"an ensemble of {members} members; expected at least 2")
    check_images("training", train_images, vae.architecture)
    check_images("validation", validation_images, vae.architecture)
    with torch.no_grad():
        train, validation = (
            _Pairs(images, *_posterior(vae, images)) for images in (train_images, validation_images)
        )
    decoders = [copy.deepcopy(vae.decoder)]
    losses = [validation.loss(decoders[0], seed)]
    for member in range(1, members):
        trained = _train_decoder(
            vae.architecture,
            train,
            validation,
            schedule=schedule,
            seed=int(np.random.SeedSequence([seed, member]).generate_state(1)[0]),
            name=f"member {member}",
            progress=progress and f"{progress}, {member} of {members - 1}",
        )
        decoders.append(trained)
        losses.append(validation.loss(trained, seed))
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
        total = 0.0
        with torch.no_grad():
            for batch in rows.split(1024):
                total += self.reconstruct(decoder, batch, generator).double().sum().item()
        return bits_per_dim(total / len(rows), self.images.shape[1])


def _posterior(vae: VAE, images: Tensor) -> tuple[Tensor, Tensor]:
    """Means and scales of q(z|x), (n, d) each."""
    encoder = copy.deepcopy(vae.encoder).eval()  # in training it would hide pixels
    posteriors = [encoder(batch).base_dist for batch in images.split(4096)]
    return torch.cat([p.loc for p in posteriors]), torch.cat([p.scale for p in posteriors])


def _train_decoder(
    architecture: Architecture,
    train: _Pairs,
    validation: _Pairs,
    *,
    schedule: Schedule,
    seed: int,
    name: str,
    progress: str | None,
) -> Decoder:
    device = train.images.device
    decoder = make_seeded(lambda: Decoder(architecture), seed, device)
    generator = torch.Generator(device=device).manual_seed(seed)

    def loss(rows: Tensor) -> Tensor:
        return train.reconstruct(decoder, rows, generator).mean() / architecture.data_dim

    def evaluate() -> dict[str, float]:
        return {"loss": validation.loss(decoder, seed)}

    train_module(
        decoder,
        loss,
        evaluate,
        count=len(train.images),
        schedule=schedule,
        generator=generator,
        name=name,
        progress=progress,
    )
    return decoder


def save_ensemble(ensemble: EnsembleDecoder, path: str | Path, metadata: Mapping[str, str]) -> None:
    """Write the members' weights and architecture to a safetensors file.

    Parameters
    ----------
    ensemble : EnsembleDecoder
        Of :class:`latent_transport.models.Decoder` members of one architecture.
    path : path
        File to write; replaced as a whole.
    metadata : mapping of str to str
        Kept beside, such as the seed.

    Raises
    ------
    TypeError
        If the members are of another class.
    """
    first = ensemble.members[0]
    if not isinstance(first, Decoder):
        raise TypeError(
            f"the members are of {type(first).__name__}; only those of "
            "latent_transport.models.Decoder can be saved"
        )
    shape = {"architecture": asdict(first.architecture), "members": len(ensemble.members)}
    save_module(ensemble, path, shape, metadata)


def load_ensemble(path: str | Path, device: torch.device | str = "cpu") -> EnsembleDecoder:
    """Read an ensemble that :func:`save_ensemble` wrote: in eval mode, gradients off.

    Parameters
    ----------
    path : path
        The safetensors file.
    device : torch.device or str, optional
        Where the members are to be.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds no ensemble.
    """
    most = len(load_arrays(path))

    def make(fields: dict[str, Any], members: int) -> EnsembleDecoder:
        if not 1 <= members <= most:
            raise ValueError(f"{members} members in {most} arrays")
        architecture = Architecture(**fields)
        return EnsembleDecoder([Decoder(architecture) for _ in range(members)])

    return load_module(path, make, "architecture", "members", kind="ensemble", device=device)

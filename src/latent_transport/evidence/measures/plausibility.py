"""How plausible the images on a path are, by models that had no part in choosing the path."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from latent_transport.distributions.registry import distribution_mean
from latent_transport.evidence.measures.classifiers import Classifier
from latent_transport.evidence.measures.detours import measure_detours
from latent_transport.geometries.measures import (
    equal_length_parameters,
    measure_curves,
    points_along,
)
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.kernels.constants import LEVELS
from latent_transport.models.elbo import bits_per_dim
from latent_transport.models.vae import VAE

IMAGES_AT_ONCE = 1024
DECODED_AT_ONCE = 2048
ENTROPIES_AT_ONCE = 32  # their probabilities of all levels are held in memory


@torch.no_grad()
def measure_classification(classifier: Classifier, images: Tensor) -> dict[str, Tensor]:
    """Measure how sure a classifier is of the images on each path.

    Parameters
    ----------
    classifier : Classifier
        Trained on the data.
    images : Tensor, shape (B, T, D)
        T images on each of B paths, in their order, in grey levels.

    Returns
    -------
    dict of Tensor, shape (B,)
        ``confidence`` and ``least_confidence``: mean and least of the T largest class
        probabilities; ``entropy``: mean entropy of the predicted class, in nats; and
        ``label_switches``: how often the most likely class changes from one image to the next.
    """
    batches = images.flatten(0, 1).split(IMAGES_AT_ONCE)
    logits = torch.cat([classifier(batch) for batch in batches]).unflatten(0, images.shape[:2])
    log_probabilities = logits.log_softmax(-1)  # (B, T, C)
    probabilities = log_probabilities.exp()  # (B, T, C)
    confidence, label = probabilities.max(-1)  # (B, T) each
    return {
        "confidence": confidence.mean(-1),
        "least_confidence": confidence.amin(-1),
        "entropy": -(probabilities * log_probabilities).sum(-1).mean(-1),
        "label_switches": (label[:, 1:] != label[:, :-1]).sum(-1).to(confidence.dtype),
    }


@torch.no_grad()
def extract_features(classifier: Classifier, images: Tensor) -> Tensor:
    """Features (n, F) of images (n, D), computed in batches."""
    return torch.cat([classifier.features(batch) for batch in images.split(IMAGES_AT_ONCE)])


def nearest_distances(queries: Tensor, references: Tensor) -> Tensor:
    """Euclidean distance of each query to its nearest reference: (n, F), (m, F) to (n,)."""
    return torch.cat(
        [torch.cdist(part, references).amin(-1) for part in queries.split(IMAGES_AT_ONCE)]
    )


@torch.no_grad()
def importance_weighted_log_likelihood(
    vae: VAE, images: Tensor, *, samples: int, generator: torch.Generator
) -> Tensor:
    r"""Importance-weighted estimate of the log-likelihood under a VAE.

    .. math:: \log p(x) \ge E \log \frac1K \sum_{k=1}^K
        \frac{p(x | z_k)\, p(z_k)}{q(z_k | x)}, \qquad z_k \sim q(z | x),

    a lower bound in expectation, which rises to :math:`\log p(x)` with K; Burda et al. (2016),
    *Importance weighted autoencoders*, Eq. 8.

    Parameters
    ----------
    vae : VAE
        The model.
    images : Tensor, shape (n, D)
        Grey levels; rounded to whole ones, of which alone the model knows the probability.
    samples : int
        K.
    generator : torch.Generator
        Source of the samples; the same state gives the same noise to the image of each row.

    Returns
    -------
    Tensor, shape (n,)
        In nats an image.
    """
    at_once = max(1, DECODED_AT_ONCE // samples)
    estimates = []
    for batch in images.round().clamp(0, LEVELS - 1).split(at_once):
        posterior = vae.encoder(batch).base_dist  # (b, d)
        loc, scale = posterior.loc, posterior.scale  # (b, d) each
        noise = torch.randn(
            (samples, *loc.shape), generator=generator, dtype=loc.dtype, device=loc.device
        )  # (K, b, d)
        z = loc + scale * noise  # (K, b, d)
        # The constants of the prior and the posterior cancel.
        log_ratio = (0.5 * (noise.square() - z.square()) + scale.log()).sum(-1)  # (K, b)
        log_weight = vae.decoder(z).log_prob(batch).sum(-1) + log_ratio  # (K, b)
        estimates.append(torch.logsumexp(log_weight, 0) - math.log(samples))  # (b,)
    return torch.cat(estimates)


def grey_share(images: Tensor) -> Tensor:
    r"""Share of an image's ink that is grey.

    With :math:`x_i` in [0, 1] the ink of pixel i (its grey level over 255),

    .. math:: \frac{\sum_i x_i (1 - x_i)}{\sum_i x_i},

    the mean of :math:`1 - x` over the ink: 0 where every pixel is black or full, and the larger
    the more of the ink is spread thinly, as by blur or a cross-fade.

    Parameters
    ----------
    images : Tensor, shape (..., D)
        Grey levels 0..255.

    Returns
    -------
    Tensor, shape (...)
        From 0 to 1; 0 for an image without ink.
    """
    ink = images / (LEVELS - 1)  # (..., D)
    total = ink.sum(-1)  # (...)
    grey = (ink * (1 - ink)).sum(-1)  # (...)
    return grey / total.clamp(min=torch.finfo(total.dtype).tiny)


@torch.no_grad()
def pixel_entropy(decoder: Callable[[Tensor], Distribution], points: Tensor) -> Tensor:
    """Mean entropy of a pixel under the decoder's distributions, along each path.

    Parameters
    ----------
    decoder : callable
        From latent points (n, d) to a Distribution with batch shape (n, D).
    points : Tensor, shape (B, T, d)
        T points on each of B paths.

    Returns
    -------
    Tensor, shape (B,)
        Mean over the T points and the D pixels, in nats.
    """
    entropies = [
        decoder(part).entropy().mean(-1) for part in points.flatten(0, 1).split(ENTROPIES_AT_ONCE)
    ]
    return torch.cat(entropies).unflatten(0, points.shape[:2]).mean(-1)


@dataclass(frozen=True, eq=False)
class Judge:
    """Measures the plausibility of images on paths.

    Attributes
    ----------
    decoder : callable
        Gives the images on latent paths: latent points (n, d) to a Distribution of batch shape
        (n, D).
    vae : VAE
        Gives the log-likelihood.
    classifier : Classifier
        Gives confidence and features.
    references : Tensor, shape (m, F)
        Features of the training images.
    samples : int
        Importance samples an image.
    """

    decoder: Callable[[Tensor], Distribution]
    vae: VAE
    classifier: Classifier
    references: Tensor
    samples: int

    def measure(self, images: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Measure the images (B, T, D), in grey levels, on B paths.

        Returns
        -------
        dict of Tensor, shape (B,)
            Those of :func:`measure_classification`, and the means over the T images of
            ``nearest_distance`` to a training image's features, ``log_likelihood`` in bits per
            dimension (higher is likelier), and ``grey_share``.
        """
        flat = images.flatten(0, 1)  # (n, D)
        nearest = nearest_distances(extract_features(self.classifier, flat), self.references)
        log_likelihood = importance_weighted_log_likelihood(
            self.vae, flat, samples=self.samples, generator=generator
        )
        single = {
            "nearest_distance": nearest,
            "log_likelihood": bits_per_dim(log_likelihood, flat.shape[-1]),
            "grey_share": grey_share(flat),
        }  # (n,) each
        along = {
            name: value.unflatten(0, images.shape[:2]).mean(-1) for name, value in single.items()
        }
        return {**measure_classification(self.classifier, images), **along}

    def measure_points(self, points: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Measure the decoder's means at latent points (B, T, d), as images on B paths.

        Returns
        -------
        dict of Tensor, shape (B,)
            Those of :meth:`measure`, and ``pixel_entropy``.
        """
        measured = self.measure(self._decode(points), generator)
        return measured | {"pixel_entropy": pixel_entropy(self.decoder, points)}

    def measure_paths(
        self, points: Tensor, fractions: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Measure the decoder's means on latent paths, at fractions of their W1 lengths.

        Parameters
        ----------
        points : Tensor, shape (B, N, d)
            Successive points on B paths.
        fractions : Tensor, shape (T,)
            In (0, 1), increasing.
        generator : torch.Generator
            Source of the importance samples, on the device of the points.

        Returns
        -------
        dict of Tensor, shape (B,)
            Those of :meth:`measure_points` and of :func:`measure_detours`, and the W1 ``length``
            and the ``latent_length``.
        """
        geometry = Wasserstein1(self.decoder)
        z = points_along(points, equal_length_parameters(geometry, points, fractions))  # (B, T, d)
        measured = self.measure_points(z, generator)
        ended = torch.cat((points[:, :1], z, points[:, -1:]), 1)  # (B, T + 2, d)
        length, _ = measure_curves(geometry, points)  # (B,)
        lengths = {"length": length, "latent_length": points.diff(dim=1).norm(dim=-1).sum(-1)}
        return measured | self._measure_detours(self._decode(ended)) | lengths

    def measure_fades(
        self, ends: Tensor, fractions: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Measure the cross-fades between images (B, 2, D), in grey levels.

        Returns
        -------
        dict of Tensor, shape (B,)
            Those of :meth:`measure` and of :func:`measure_detours`, and the ``length``: the W1 of
            the images at the ends, their Euclidean distance.
        """
        first, last = ends.split(1, dim=1)  # (B, 1, D) each
        inner = torch.lerp(first, last, fractions[:, None])  # (B, T, D)
        measured = self.measure(inner, generator)
        length = (last - first).norm(dim=-1).squeeze(-1)  # (B,)
        images = torch.cat((first, inner, last), 1)  # (B, T + 2, D)
        return measured | self._measure_detours(images) | {"length": length}

    def _measure_detours(self, images: Tensor) -> dict[str, Tensor]:
        features = extract_features(self.classifier, images.flatten(0, 1))  # (n, F)
        return measure_detours(images, features.unflatten(0, images.shape[:2]))

    def _decode(self, points: Tensor) -> Tensor:
        """The decoder's means (B, T, D) at latent points (B, T, d)."""
        return distribution_mean(self.decoder(points))

"""Geometries made from the files of a trained model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from latent_transport.datasets.codes import Codes, active_dimensions
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.combined import Combined
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.subspaces import Subspace
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.blurring import BlurredDecoder, SobolevDecoder
from latent_transport.models.catalogue import GEOMETRIES, Recipe
from latent_transport.models.densities import AggregatePosterior
from latent_transport.models.ensembles import load_ensemble
from latent_transport.models.uncertainty import load_uncertainty
from latent_transport.models.vae import load_vae
from latent_transport.storage import DataError

SEED = 0  # of the codes that stand for all in the density

METRICS: dict[str, Callable[..., Geometry]] = {
    metric.__name__: metric
    for metric in (Wasserstein1, Wasserstein2, FisherRao, Euclidean, LatentEuclidean)
}


def load_geometry(
    name: str,
    *,
    vae: str | Path | None = None,
    codes: str | Path | None = None,
    uncertainty: str | Path | None = None,
    ensemble: str | Path | None = None,
    strength: float | None = None,
    regularisation: float | None = None,
    blur: float | None = None,
    device: torch.device | str = "cpu",
) -> Geometry:
    r"""Build one of :data:`GEOMETRIES` from the files of a model.

    Files that the geometry does not need (see :attr:`Recipe.needs`) are not opened. The density is
    that of :class:`latent_transport.models.densities.AggregatePosterior` on 2,000 codes of training
    images; the weight is 1 at the mean log density of the codes of validation images. Of the
    active dimensions alone, the geometry's points are coordinates in :func:`load_subspace`. Where
    the latent metric is added, the squared distance is :math:`d^2 + \lambda^2 \|\Delta z\|^2`.

    Parameters
    ----------
    name : str
        Key of :data:`GEOMETRIES`.
    vae, codes, uncertainty, ensemble : path, optional
        ``vae.safetensors``, ``codes.safetensors``, ``uncertainty.safetensors`` and
        ``ensemble.safetensors`` of the model.
    strength : float, optional
        Exponent of the conformal weight.
    regularisation : float, optional
        :math:`\lambda`, in units of the distance for one of the latent space.
    blur : float, optional
        Variance of the Gaussian that images are blurred with, in squared pixels.
    device : torch.device or str, optional
        Where the decoder is to be.

    Returns
    -------
    Geometry
        Of the class that the recipe names; :class:`Conformal` around it if that is weighted, the
        first term of a :class:`Combined` if the latent metric is added.

    Raises
    ------
    DataError
        If the name is unknown, an argument that the geometry needs is not given, or a file is
        missing or does not fit.
    """
    if name not in GEOMETRIES:
        raise DataError(f"no geometry is called {name!r}; expected one of {', '.join(GEOMETRIES)}")
    recipe = GEOMETRIES[name]
    given: dict[str, Any] = {
        "vae": vae,
        "codes": codes,
        "uncertainty": uncertainty,
        "ensemble": ensemble,
        "strength": strength,
        "regularisation": regularisation,
        "blur": blur,
    }
    for need in recipe.needs:
        if given[need] is None:
            raise DataError(
                f"the geometry {name} needs {need}, which is not given; it needs "
                f"{', '.join(recipe.needs)}"
            )

    metric = METRICS[recipe.metric]
    if recipe.decoder == "latent":
        geometry = metric()
    else:
        decoder = _load_decoder(recipe, given, device)
        if recipe.active:
            geometry = metric(load_subspace(given["codes"], device=device).restrict(decoder))
        else:
            geometry = metric(decoder)
    if recipe.regularised:
        return Combined([geometry, LatentEuclidean()], [1, given["regularisation"]])
    if recipe.weighted:
        return _weigh(geometry, given["codes"], given["strength"], device)
    return geometry


def load_subspace(codes: str | Path, *, device: torch.device | str = "cpu") -> Subspace:
    """Active latent dimensions of a model, with the others held at the mean of the codes.

    Parameters
    ----------
    codes : path
        ``codes.safetensors`` of the model; those of training images count, by
        :func:`active_dimensions`.
    device : torch.device or str, optional
        Where the mean is to be.

    Raises
    ------
    DataError
        If the file is missing or does not fit, or no dimension is active.
    """
    train = Codes.load(codes).of("train")
    dims = active_dimensions(train.mean)
    if not len(dims):
        raise DataError(
            f"{codes} has codes whose mean varies along no latent dimension; expected one that is "
            "active at least: train the model longer"
        )
    return Subspace(dims.tolist(), torch.from_numpy(train.mean.mean(0)).to(device))


def _load_decoder(
    recipe: Recipe, given: dict[str, Any], device: torch.device | str
) -> torch.nn.Module:
    if recipe.decoder == "ensemble":
        return load_ensemble(given["ensemble"], device)
    decoder = load_vae(given["vae"], device).decoder
    if recipe.decoder == "uncertain":
        return load_uncertainty(given["uncertainty"], decoder)
    if recipe.decoder == "blurred":
        return BlurredDecoder(decoder, given["blur"])
    if recipe.decoder == "sobolev":
        return SobolevDecoder(decoder)
    return decoder


def _weigh(
    geometry: Geometry, codes: str | Path, strength: float, device: torch.device | str
) -> Geometry:
    every = Codes.load(codes)
    train, validation = every.of("train"), every.of("validation")
    if len(train) < 2 or not len(validation):
        raise DataError(
            f"{codes} has codes of {len(train)} training and {len(validation)} validation images; "
            "a density needs at least 2 and 1"
        )
    density = AggregatePosterior(
        torch.from_numpy(train.mean).to(device),
        torch.from_numpy(train.scale).to(device),
        generator=torch.Generator().manual_seed(SEED),
    )
    # Held-out codes, since each training code lies on a peak of its own.
    reference = density(torch.from_numpy(validation.mean).to(device)).mean()
    return Conformal(geometry, density, strength, reference=reference)

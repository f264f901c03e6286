"""The geometries that are compared, by name.

Importing this module does not import torch: names serve those who only plot and tabulate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from latent_transport.storage import DataError

if TYPE_CHECKING:
    import torch

    from latent_transport.geodesics import Solver
    from latent_transport.geometries import Geometry

TRAIN, VALIDATION = 0, 1
STEPS_FOR_ONE = 10  # of L-BFGS, for one of Gauss-Newton
SEED = 0  # of the codes that stand for all in the density


@dataclass(frozen=True)
class Recipe:
    """How a geometry is made.

    Attributes
    ----------
    metric : str
        Class in :mod:`latent_transport.geometries`.
    decoder : {"plain", "uncertain", "ensemble", "latent"}
        What is pulled back: the trained decoder, the one that grows uncertain away from the codes,
        the ensemble, or the latent space itself.
    weighted : bool
        Whether a conformal weight, by the density of the codes, is applied.
    """

    metric: str
    decoder: Literal["plain", "uncertain", "ensemble", "latent"] = "plain"
    weighted: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Arguments of :func:`load_geometry` that must be given, besides ``name``."""
        return (
            (*_FILES[self.decoder], "codes", "strength") if self.weighted else _FILES[self.decoder]
        )


_FILES = {
    "plain": ("vae",),
    "uncertain": ("vae", "uncertainty"),
    "ensemble": ("ensemble",),
    "latent": (),
}

GEOMETRIES = {
    "wasserstein1": Recipe("Wasserstein1"),
    "wasserstein2": Recipe("Wasserstein2"),
    "fisher-rao": Recipe("FisherRao"),
    "euclidean": Recipe("Euclidean"),
    "uncertain": Recipe("Wasserstein1", "uncertain"),
    "ensemble": Recipe("Wasserstein1", "ensemble"),
    "density": Recipe("Wasserstein1", weighted=True),
    "uncertain-density": Recipe("Wasserstein1", "uncertain", weighted=True),
    "latent-density": Recipe("LatentEuclidean", "latent", weighted=True),
}


def load_geometry(
    name: str,
    *,
    vae: str | Path | None = None,
    codes: str | Path | None = None,
    uncertainty: str | Path | None = None,
    ensemble: str | Path | None = None,
    strength: float | None = None,
    device: torch.device | str = "cpu",
) -> Geometry:
    """Build one of :data:`GEOMETRIES` from the files of a model.

    Files that the geometry does not need (see :attr:`Recipe.needs`) are not opened. The density is
    that of :class:`latent_transport.densities.AggregatePosterior` on 2,000 codes of training
    images; the weight is 1 at the mean log density of the codes of validation images.

    Parameters
    ----------
    name : str
        Key of :data:`GEOMETRIES`.
    vae, codes, uncertainty, ensemble : path, optional
        ``vae.safetensors``, ``codes.safetensors``, ``uncertainty.safetensors`` and
        ``ensemble.safetensors`` of the model.
    strength : float, optional
        Exponent of the conformal weight.
    device : torch.device or str, optional
        Where the decoder is to be.

    Raises
    ------
    DataError
        If the name is unknown, an argument that the geometry needs is not given, or a file is
        missing or does not fit.
    """
    if name not in GEOMETRIES:
        raise DataError(f"no geometry is called {name!r}; expected one of {', '.join(GEOMETRIES)}")
    recipe = GEOMETRIES[name]
    given = {
        "vae": vae,
        "codes": codes,
        "uncertainty": uncertainty,
        "ensemble": ensemble,
        "strength": strength,
    }
    for need in recipe.needs:
        if given[need] is None:
            raise DataError(
                f"the geometry {name} needs {need}, which is not given; it needs "
                f"{', '.join(recipe.needs)}"
            )

    from latent_transport import geometries

    metric = getattr(geometries, recipe.metric)
    if recipe.decoder == "latent":
        geometry = metric()
    else:
        geometry = metric(_load_decoder(recipe, given, device))
    return _weigh(geometry, codes, strength, device) if recipe.weighted else geometry


def make_solver(
    name: str, *, max_iterations: int, tolerance: float, progress: str | None = None
) -> Solver:
    """Return the solver that suits one of :data:`GEOMETRIES`.

    Gauss-Newton, but where there is a weight: the curvature of the weight, which Gauss-Newton
    leaves out, is all that there is along latent dimensions which the decoder ignores, and L-BFGS
    reaches lower energies. It may take ten times as many steps, for each costs less and tells less.
    """
    from latent_transport.solvers import LBFGS, GaussNewton

    if GEOMETRIES[name].weighted:
        steps = STEPS_FOR_ONE * max_iterations
        return LBFGS(max_iterations=steps, tolerance=tolerance, progress=progress)
    return GaussNewton(max_iterations=max_iterations, tolerance=tolerance, progress=progress)


def _load_decoder(
    recipe: Recipe, given: dict[str, Path], device: torch.device | str
) -> torch.nn.Module:
    from latent_transport.models import load_vae
    from latent_transport.uncertainty import load_ensemble, load_uncertainty

    if recipe.decoder == "ensemble":
        return load_ensemble(given["ensemble"], device)
    decoder = load_vae(given["vae"], device).decoder
    if recipe.decoder == "uncertain":
        return load_uncertainty(given["uncertainty"], decoder)
    return decoder


def _weigh(
    geometry: Geometry, codes: str | Path, strength: float, device: torch.device | str
) -> Geometry:
    import torch

    from latent_transport.densities import AggregatePosterior
    from latent_transport.geometries import Conformal
    from latent_transport.storage import load_arrays

    arrays = load_arrays(codes, "mean", "scale", "split")
    mean, scale = (torch.from_numpy(arrays[key]).to(device) for key in ("mean", "scale"))  # (n, d)
    train, validation = (
        torch.from_numpy(arrays["split"] == split).to(device) for split in (TRAIN, VALIDATION)
    )
    if train.sum() < 2 or not validation.any():
        raise DataError(
            f"{codes} has codes of {int(train.sum())} training and {int(validation.sum())} "
            "validation images; a density needs at least 2 and 1"
        )
    density = AggregatePosterior(
        mean[train], scale[train], generator=torch.Generator().manual_seed(SEED)
    )
    # Held-out codes, since each training code lies on a peak of its own.
    reference = density(mean[validation]).mean()
    return Conformal(geometry, density, strength, reference=reference)

"""Geometries by name, from the files of a model."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.combined import Combined
from latent_transport.geometries.conformal import Conformal
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.models.densities import AggregatePosterior
from latent_transport.models.ensembles import EnsembleDecoder, save_ensemble
from latent_transport.models.loading import load_geometry, load_subspace
from latent_transport.models.uncertainty import UncertainDecoder, save_uncertainty
from latent_transport.models.vae import VAE, Architecture, load_vae, save_vae
from latent_transport.storage import DataError, load_arrays, save_arrays

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Arguments of load_geometry: a small model's files."""
    folder = tmp_path_factory.mktemp("model")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        architecture = Architecture(latent_dim=2, data_dim=9, hidden=(8,))
        vae, other = (VAE(architecture).eval().requires_grad_(False) for _ in range(2))
    names = ("vae", "codes", "uncertainty", "ensemble")
    paths = {name: folder / f"{name}.safetensors" for name in names}
    save_vae(vae, paths["vae"], {})
    rng = np.random.default_rng(0)
    codes = {
        "mean": rng.normal(size=(60, 2)).astype("f4"),
        "scale": rng.uniform(0.05, 0.1, size=(60, 2)).astype("f4"),
        "split": np.repeat([0, 1, 2], 20).astype("u1"),
        "labels": np.zeros(60, "u1"),
        "indices": np.arange(60),
    }
    save_arrays(paths["codes"], codes, {})
    uncertain = UncertainDecoder(vae.decoder, torch.from_numpy(codes["mean"][:9]), 0.3)
    save_uncertainty(uncertain, paths["uncertainty"], {})
    save_ensemble(EnsembleDecoder([vae.decoder, other.decoder]), paths["ensemble"], {})
    return {**paths, "strength": 0.5, "regularisation": 3.0, "blur": 0.5}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_geometry_is_built_and_solved(files, name):
    recipe = GEOMETRIES[name]
    needed = {key: files[key] for key in recipe.needs}
    geometry = load_geometry(name, **needed)
    base = geometry.geometry if recipe.weighted else geometry
    base = geometry.geometries[0] if recipe.regularised else base
    assert isinstance(geometry, Conformal) == recipe.weighted
    assert isinstance(geometry, Combined) == recipe.regularised
    assert type(base).__name__ == recipe.metric
    z0, z1 = torch.tensor([[-1.0, 0.3]]), torch.tensor([[0.5, -0.4]])
    paths = connecting_geodesics(geometry, z0, z1)
    line = torch.lerp(z0[:, None], z1[:, None], torch.linspace(0, 1, 257)[:, None])
    assert (paths.length <= geometry.curve_length(line) * (1 + 1e-5)).all()
    kinds = {"uncertain": UncertainDecoder, "ensemble": EnsembleDecoder}
    if recipe.decoder in kinds:
        assert isinstance(geometry.decoder, kinds[recipe.decoder])


@pytest.mark.parametrize(
    "name", [name for name, recipe in GEOMETRIES.items() if recipe.decoder == "plain"]
)
def test_the_catalogue_knows_who_measures_mixtures(name, tmp_path, files):
    vae = VAE(Architecture(latent_dim=2, data_dim=9, hidden=(8,), components=2))
    save_vae(vae, tmp_path / "vae.safetensors", {})
    geometry = load_geometry(name, **{**files, "vae": tmp_path / "vae.safetensors"})
    z0, z1 = torch.tensor([[-1.0, 0.3]]), torch.tensor([[0.5, -0.4]])
    if GEOMETRIES[name].takes_mixtures:
        assert geometry.curve_length(torch.stack((z0, z1), 1)).isfinite().all()
    else:
        with pytest.raises(TypeError, match="logistic mixtures is not supported"):
            geometry.curve_length(torch.stack((z0, z1), 1))


@pytest.mark.parametrize("name", ["density", "latent-density"])
def test_the_weight_is_that_of_the_training_codes(files, name):
    geometry = load_geometry(name, **files)
    codes = {k: torch.from_numpy(v) for k, v in load_arrays(files["codes"]).items()}
    train, validation = codes["split"] == 0, codes["split"] == 1
    density = AggregatePosterior(codes["mean"][train], codes["scale"][train])
    mean = density(codes["mean"][validation]).mean()
    z = torch.tensor([[0.2, 0.3], [-1.0, 0.5]])
    expected = -0.5 * (density(z) - mean)
    torch.testing.assert_close(geometry.log_weight(z), expected, rtol=1e-3, atol=1e-3)


def test_the_latent_metric_is_added_with_its_weight(files):
    geometry = load_geometry("regularised", **files)
    plain = load_geometry("wasserstein1", **files)
    z0, z1 = torch.tensor([[-1.0, 0.3]]), torch.tensor([[0.5, -0.4]])
    expected = plain.distance(z0, z1).square() + 3.0**2 * (z1 - z0).square().sum(-1)
    torch.testing.assert_close(geometry.distance(z0, z1).square(), expected)


def test_collapsed_dimensions_are_held_at_the_mean_of_the_training_codes(files, tmp_path):
    codes = load_arrays(files["codes"])
    codes["mean"][:, 0] = 0.05 * np.random.default_rng(1).standard_normal(60) + 0.7
    path = tmp_path / "codes.safetensors"
    save_arrays(path, codes, {})
    subspace = load_subspace(path)
    geometry = load_geometry("active", **{**files, "codes": path})
    assert subspace.dims == [1]
    plain = load_geometry("wasserstein1", **files)
    held = codes["mean"][codes["split"] == 0, 0].mean().item()
    full = torch.tensor([[[held, -0.4], [held, 0.9]]])
    torch.testing.assert_close(
        geometry.curve_length(torch.tensor([[[-0.4], [0.9]]])), plain.curve_length(full)
    )
    codes["mean"][:] = 0.2
    save_arrays(path, codes, {})
    with pytest.raises(DataError, match="varies along no latent dimension"):
        load_subspace(path)


def test_the_pipelines_wasserstein2_is_that_of_the_grey_range(files, tmp_path):
    """What moves beyond the ends of the range, where no image shows it, is no distance."""
    vae = load_vae(files["vae"])
    with torch.no_grad():
        for parameter in vae.decoder.parameters():
            parameter.mul_(50)
    save_vae(vae, tmp_path / "vae.safetensors", {})
    geometry = load_geometry("wasserstein2", vae=tmp_path / "vae.safetensors")
    z0, z1 = torch.tensor([[-1.0, 0.3]]), torch.tensor([[0.5, -0.4]])
    p, q = (geometry.decoder(z) for z in (z0, z1))
    apart = (p.loc - q.loc).abs().squeeze(-1)  # (1, D)
    assert apart.max() > 255
    pixels = geometry.residuals(geometry.decode(z0), geometry.decode(z1)).square().sum(-2).sqrt()
    assert (pixels <= 255 * (1 + 1e-5)).all()


def test_an_unknown_name_is_answered_with_the_known_ones(files):
    with pytest.raises(DataError, match=r"'wasserstein3'.*wasserstein1, published"):
        load_geometry("wasserstein3", **files)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_what_is_not_given_or_missing_is_named(files, name, tmp_path):
    for need in GEOMETRIES[name].needs:
        with pytest.raises(DataError, match=f"{name} needs {need}"):
            load_geometry(name, **{**files, need: None})
        if need not in ("strength", "regularisation", "blur"):
            with pytest.raises(DataError, match=r"none\.safetensors is missing"):
                load_geometry(name, **{**files, need: tmp_path / "none.safetensors"})


def test_codes_without_validation_are_refused(files, tmp_path):
    codes = load_arrays(files["codes"])
    path = tmp_path / "codes.safetensors"
    save_arrays(path, {**codes, "split": np.zeros(60, "u1")}, {})
    with pytest.raises(DataError, match="60 training and 0 validation"):
        load_geometry("density", **{**files, "codes": path})


def test_names_are_had_without_torch():
    check = "import sys, latent_transport.models.catalogue; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    subprocess.run([sys.executable, "-c", check], env=environment, check=True)

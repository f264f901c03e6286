"""scvi-tools' models of counts, trained for seconds on cells along a simulated trajectory."""

import logging

import anndata
import numpy as np
import pytest
import scvi
import torch

from latent_transport.adapters.adapt import adapt
from latent_transport.geometries.wasserstein1 import Wasserstein1

CELLS, GENES = 400, 20
QUIET = {"enable_progress_bar": False, "logger": False, "enable_checkpointing": False}


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    time = rng.uniform(size=(CELLS, 1))
    peaks, widths = rng.uniform(-0.2, 1.2, GENES), rng.uniform(0.1, 0.5, GENES)
    mean = 0.2 + 5 * np.exp(-(((time - peaks) / widths) ** 2) / 2)
    found = anndata.AnnData(rng.negative_binomial(5, 5 / (5 + mean)).astype(np.float32))
    found.obs["batch"] = np.array(["a", "b"])[np.arange(CELLS) % 2]
    return found


def train(cells, likelihood):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    scvi.settings.verbosity = logging.ERROR
    scvi.settings.seed = 0
    scvi.model.SCVI.setup_anndata(cells, batch_key="batch")
    model = scvi.model.SCVI(cells, n_latent=2, n_hidden=32, gene_likelihood=likelihood)
    plan = {"lr": 5e-3, "n_epochs_kl_warmup": 20}
    model.train(max_epochs=40, accelerator="cpu", plan_kwargs=plan, **QUIET)
    return model


@pytest.mark.parametrize("likelihood", ["nb", "zinb", "poisson"])
def test_scvi(likelihood, cells, solve):
    model = train(cells, likelihood)
    codes = torch.as_tensor(model.get_latent_representation())
    with pytest.raises(ValueError, match="knows the batches 'a', 'b', none was given"):
        adapt(model)
    decoder = adapt(model, batch="b", library_size=60.0)
    counts = decoder(codes)
    torch.testing.assert_close(
        counts.mu.sum(-1) if likelihood != "poisson" else counts.rate.sum(-1),
        torch.full((CELLS,), 60.0),
    )
    solve(Wasserstein1(decoder), codes)

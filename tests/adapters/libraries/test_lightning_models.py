"""Lightning modules, trained for seconds on digits by Lightning's own loop."""

import logging

import lightning
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli
from torch.utils.data import DataLoader, TensorDataset

from latent_transport.adapters.adapt import adapt
from latent_transport.geometries.wasserstein1 import Wasserstein1


class Autoencoder(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))
        self.decoder = nn.Sequential(
            nn.Linear(2, 64), nn.SiLU(), nn.Dropout(0.1), nn.Linear(64, 64)
        )

    def training_step(self, batch, _):
        (x,) = batch
        found = self.decoder(self.encoder(x))
        return nn.functional.binary_cross_entropy_with_logits(found, x.flatten(1))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 3e-3)


class Decoding(Autoencoder):
    def decode(self, z):
        return Bernoulli(logits=self.decoder(z))


@pytest.mark.parametrize("cls", [Autoencoder, Decoding])
def test_lightning(cls, digits, solve):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    model = cls()
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(TensorDataset(digits), 64, shuffle=True))
    model.train()
    known = {"likelihood": lambda logits: Bernoulli(logits=logits)} if cls is Autoencoder else {}
    decoder = adapt(model, **known)
    assert model.decoder[2].training
    codes = model.encoder(digits[:100])
    model.eval()
    expected = model.decoder(codes).sigmoid()
    torch.testing.assert_close(decoder(codes).mean, expected)
    solve(Wasserstein1(decoder), codes)

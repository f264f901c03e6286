"""Training of models, which lives in their room."""

from latent_transport.models.training import (
    History,
    NonFiniteLossError,
    Schedule,
    bits_per_dim,
    evaluate_elbo,
    train_vae,
)

__all__ = [
    "History",
    "NonFiniteLossError",
    "Schedule",
    "bits_per_dim",
    "evaluate_elbo",
    "train_vae",
]

"""Training of models, which lives in their room."""

from latent_transport.models.elbo import bits_per_dim, evaluate_elbo
from latent_transport.models.loop import History, NonFiniteLossError, Schedule
from latent_transport.models.training import train_vae

__all__ = [
    "History",
    "NonFiniteLossError",
    "Schedule",
    "bits_per_dim",
    "evaluate_elbo",
    "train_vae",
]

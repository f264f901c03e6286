"""The paper's figures, drawn from arrays and tables alone; nothing here imports torch."""

from latent_transport.plotting.images import plot_image_path, plot_image_paths
from latent_transport.plotting.spaces import (
    LatentSpace,
    draw_curve_pairs,
    find_curves,
    plot_latent_spaces,
)
from latent_transport.plotting.style import model_title, save_figure
from latent_transport.plotting.surfaces import plot_geodesic_and_chord
from latent_transport.plotting.training import plot_histories

__all__ = [
    "LatentSpace",
    "draw_curve_pairs",
    "find_curves",
    "model_title",
    "plot_geodesic_and_chord",
    "plot_histories",
    "plot_image_path",
    "plot_image_paths",
    "plot_latent_spaces",
    "save_figure",
]

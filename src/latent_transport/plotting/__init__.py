"""The paper's figures, drawn from arrays and tables alone; nothing here imports torch."""

from latent_transport.plotting.benchmarks import plot_benchmark
from latent_transport.plotting.distances import plot_neighbours, plot_stability
from latent_transport.plotting.evidence import plot_containment, plot_plausibility
from latent_transport.plotting.images import plot_image_path, plot_image_paths
from latent_transport.plotting.indicatrices import plot_indicatrices
from latent_transport.plotting.ramps import plot_ramp
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
    "plot_benchmark",
    "plot_containment",
    "plot_geodesic_and_chord",
    "plot_histories",
    "plot_image_path",
    "plot_image_paths",
    "plot_indicatrices",
    "plot_latent_spaces",
    "plot_neighbours",
    "plot_plausibility",
    "plot_ramp",
    "plot_stability",
    "save_figure",
]

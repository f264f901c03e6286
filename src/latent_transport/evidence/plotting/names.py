"""What the figures call the paths between two images, and the geometries they are shortest in."""

PATHS = {
    "line": "straight latent line",
    "wasserstein1": "$W_1$",
    "wasserstein2": "$W_2$",
    "fisher-rao": "Fisher\N{EN DASH}Rao",
    "euclidean": "Euclidean",
    "uncertain": "$W_1$, uncertain",
    "ensemble": "$W_1$, ensemble",
    "density": "$W_1$, density",
    "uncertain-density": "$W_1$, uncertain, density",
    "latent-density": "latent, density",
    "interpolation": "linear interpolation",
}
"""What the figures call the paths, from top to bottom; others follow under their own names."""

"""Geodesics between all pairs of anchors, as they are stored for the page."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latent_transport.storage import load_arrays, load_metadata, save_arrays


@dataclass(frozen=True, eq=False)
class AnchorPaths:
    """Geodesics of G geometries between all m pairs of A anchors.

    Attributes
    ----------
    geometries : tuple of str
        Names of the geometries.
    anchors : ndarray of int64, shape (A,)
        Rows of the anchors in the model's codes.
    pairs : ndarray of int64, shape (m, 2)
        Numbers of the two anchors, the smaller first.
    points : ndarray of float32, shape (G, m, T, 2)
        Points on each geodesic at equal steps of its length in its own geometry.
    lengths : ndarray of float32, shape (G + 1, G, m)
        Length of each geometry's geodesic, and at last of the straight latent line, measured in
        each geometry.
    converged : ndarray of bool, shape (G, m)
        Whether the solver's criterion was met.
    segments : int
        Segments on which the lengths are measured.
    """

    geometries: tuple[str, ...]
    anchors: np.ndarray
    pairs: np.ndarray
    points: np.ndarray
    lengths: np.ndarray
    converged: np.ndarray
    segments: int

    def save(self, path: str | Path) -> None:
        """Write a safetensors file."""
        arrays = {
            "anchors": self.anchors,
            "pairs": self.pairs,
            "points": self.points,
            "lengths": self.lengths,
            "converged": self.converged,
        }
        metadata = {"geometries": json.dumps(self.geometries), "segments": str(self.segments)}
        save_arrays(path, arrays, metadata)

    @classmethod
    def load(cls, path: str | Path) -> "AnchorPaths":
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing or damaged, or lacks an array.
        """
        arrays = load_arrays(path, "anchors", "pairs", "points", "lengths", "converged")
        metadata = load_metadata(path)
        return cls(
            geometries=tuple(json.loads(metadata["geometries"])),
            segments=int(metadata["segments"]),
            **arrays,
        )

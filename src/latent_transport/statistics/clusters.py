"""Clusters of latent points, by geodesic distances: k-means and k-medoids."""

import warnings
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.statistics.assignment import (
    FEW_SEGMENTS,
    Assignment,
    assign,
    solve_pairs,
    straight_lengths,
)
from latent_transport.statistics.centres import Cloud, descend
from latent_transport.statistics.distances import distance_matrix
from latent_transport.statistics.estimators import (
    BaseEstimator,
    ClusterMixin,
    Points,
    as_points,
    check_fitted,
    like,
    require_scikit_learn,
)
from latent_transport.statistics.fans import COARSE, ROUGH, Precision, Rays, solve_fan

FINAL = Precision("auto", "auto", 1e-3)
"""With which the distances are measured in the end: lengths within a thousandth."""

TRIES = 4  # of a step of each centre, shorter and shorter, between two assignments
SETTLING = 30  # of its steps, once no point changes its cluster
TOLERANCE = 1e-3
FEW = 0.01  # share of the points that change their cluster, at which rough geodesics are done with


class GeodesicKMeans(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    r"""K-means of latent points by geodesic distances.

    .. math:: \min_{c_1 \ldots c_K} \sum_i \min_k d^2(c_k, z_i)

    Lloyd's iteration: points belong to the nearest centre, centres move towards the Fréchet means
    of their points, all at once, a step of :func:`frechet_mean`'s between assignments. The
    first centres are drawn among the points as k-means++ does, with probabilities in proportion to
    the squared geodesic distance from the nearest that is there (Arthur & Vassilvitskii 2007):
    points are proposed by the lengths of straight lines, which are upper bounds, and accepted by
    those of geodesics. Geodesics are solved only between points and centres that may be the
    nearest, by lower bounds: the distance of the decoded points, and the last known distance less
    the way that the centre has moved since (Elkan 2003, *Using the triangle inequality to
    accelerate k-means*). Until hardly a point changes its cluster, geodesics are rough ones, and
    only to centres to which the straight line is shorter, too; from there on neither. Needs
    scikit-learn.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler.
    n_clusters : int
        Number of clusters K.
    random_state : int
        Seed of the first centres.
    max_iter : int
        Largest number of assignments.
    tol : float
        Share of its points' inertia that a centre may lie above the local minimum, to be left.
    progress : str, optional
        Label of a progress bar, which counts geodesics; there is none without.

    Attributes
    ----------
    labels_ : ndarray of int64, shape (n,)
        Cluster of each point.
    cluster_centers_ : Tensor or ndarray, shape (K, d)
        Centres, as the points were given.
    inertia_ : float
        Sum of the squared distances of points and centres, in squared units of the data.
    n_iter_ : int
        Assignments made.
    converged_ : bool
        Whether the last assignment changed no label, and every centre is within ``tol``.
    n_features_in_ : int
        d.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> z = torch.tensor([[0.0, 0.0], [0.2, 0.0], [3.0, 3.0], [3.2, 3.0]])
    >>> clusters = lt.GeodesicKMeans(lt.Wasserstein1(decoder), 2).fit(z)
    >>> print(round(clusters.inertia_, 3), clusters.converged_)
    0.16 True
    """

    def __init__(
        self,
        geometry: Geometry,
        n_clusters: int = 8,
        random_state: int = 0,
        *,
        max_iter: int = 50,
        tol: float = TOLERANCE,
        progress: str | None = None,
    ) -> None:
        require_scikit_learn(type(self).__name__)
        self.geometry = geometry
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.max_iter = max_iter
        self.tol = tol
        self.progress = progress

    def fit(self, X: Points, y: object = None) -> Self:
        """Cluster points (n, d); ``y`` is ignored.

        Warns
        -----
        RuntimeWarning
            If it did not converge.

        Raises
        ------
        TypeError, ValueError
            If the points are no (n, d) or not finite, are fewer than the clusters, or a setting is
            out of its range; or as :func:`connecting_geodesics`.
        """
        z = as_points(X)
        _check_count("n_clusters", self.n_clusters, len(z))
        _check_count("max_iter", self.max_iter)
        with outside_inference_mode(), torch.no_grad():
            z = as_ordinary(z)
            self.geometry.check_decoder(z)
            with tqdm(desc=self.progress, unit="geodesic", disable=self.progress is None) as bar:
                self._fit(z, bar)
        self.cluster_centers_ = like(self._centres, X)
        self.n_features_in_ = z.shape[1]
        if not self.converged_:
            warnings.warn(
                f"k-means did not converge in {self.n_iter_} assignments; allow more (max_iter), "
                "or another tol",
                RuntimeWarning,
                stacklevel=2,
            )
        return self

    def predict(self, X: Points) -> np.ndarray:
        """Nearest centre of each point (n, d): int64, shape (n,).

        Raises
        ------
        NotFittedError
            If there are no centres yet.
        TypeError, ValueError
            As :meth:`fit`.
        """
        check_fitted(self, "cluster_centers_")
        z = as_points(X, self.n_features_in_)
        with outside_inference_mode(), torch.no_grad():
            found = assign(self.geometry, as_ordinary(z), self._centres.to(z), COARSE)
        return found.labels.cpu().numpy()

    def _fit(self, z: Tensor, bar: "tqdm[Any]") -> None:
        centres = choose_seeds(self.geometry, z, self.n_clusters, self.random_state)  # (K, d)
        state: Assignment | None = None
        labels = None
        self.n_iter_ = 0
        settled = certain = False
        precision = ROUGH
        while self.n_iter_ < self.max_iter:
            last = self.n_iter_ == self.max_iter - 1
            state = assign(
                self.geometry,
                z,
                centres,
                precision,
                state,
                certain=certain or last,
                tell=bar.update,
            )
            self.n_iter_ += 1
            changed = len(z) if labels is None else int((state.labels != labels).sum())
            labels = state.labels
            self.converged_ = certain and settled and changed == 0
            if last or self.converged_:
                break
            rays: Rays | CubicSpline = state.rays
            if not certain and changed <= FEW * len(z):  # by geodesics of which none is known yet
                certain, precision, rays = True, COARSE, state.rays.curves
                state = replace(state, lower=torch.zeros_like(state.lower))
            shares = 1 / torch.bincount(labels, minlength=len(centres)).to(z)[labels]  # (n,)
            descent = descend(
                self.geometry,
                Cloud(z, labels, shares, 2),
                rays,
                centres,
                precision,
                tolerance=self.tol,
                max_iterations=TRIES if changed else SETTLING,
                max_steps=1 if changed else None,
                tell=bar.update,
            )
            settled = bool((descent.excess <= self.tol).all())
            state = state.follow(self.geometry, centres, descent)
            centres = descent.centres
        assert state is not None  # noqa: S101 - max_iter is 1 at least
        paths = solve_fan(self.geometry, state.rays.curves, FINAL)
        bar.update(len(z))
        self._centres = centres
        self.labels_ = state.labels.cpu().numpy()
        self.inertia_ = float(paths.length.square().sum())


class GeodesicKMedoids(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    r"""K-medoids of latent points by geodesic distances: centres that are points themselves.

    .. math:: \min_{M \subset \{1 \ldots n\}, |M| = K} \sum_i \min_{m \in M} d(z_m, z_i)

    All n (n - 1) / 2 distances are solved, by :func:`distance_matrix`, and FasterPAM swaps medoids
    (Schubert & Rousseeuw 2021, *Fast and eager k-medoids clustering*), from random ones, of which
    the best of several runs is kept. Needs scikit-learn and the package kmedoids, which is under
    GPL-3.0.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler. None where ``fit`` is given a
        matrix of distances.
    n_clusters : int
        Number of clusters K.
    random_state : int
        Seed of the runs.
    n_init : int
        Number of the runs.
    progress : str, optional
        Label of a progress bar of the pairs; there is none without.

    Attributes
    ----------
    labels_ : ndarray of int64, shape (n,)
        Cluster of each point.
    medoid_indices_ : ndarray of int64, shape (K,)
        Which of the points the centres are.
    cluster_centers_ : Tensor or ndarray, shape (K, d)
        The centres, as the points were given.
    inertia_ : float
        Sum of the distances of points and medoids, in units of the data.
    n_iter_ : int
        Iterations of the best run.
    n_features_in_ : int
        d.
    """

    def __init__(
        self,
        geometry: Geometry,
        n_clusters: int = 8,
        random_state: int = 0,
        *,
        n_init: int = 20,
        progress: str | None = None,
    ) -> None:
        require_scikit_learn(type(self).__name__)
        _require_kmedoids()
        self.geometry = geometry
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.n_init = n_init
        self.progress = progress

    def fit(self, X: Points, y: object = None) -> Self:
        """Cluster points (n, d); ``y`` is ignored.

        Raises
        ------
        TypeError, ValueError
            If the points are no (n, d) or not finite, are fewer than the clusters, or a setting is
            out of its range; if a geodesic has no finite length; or as
            :func:`connecting_geodesics`.
        """
        import kmedoids

        z = as_points(X)
        _check_count("n_clusters", self.n_clusters, len(z))
        _check_count("n_init", self.n_init)
        distances = distance_matrix(self.geometry, z, progress=self.progress).cpu().double().numpy()
        if not np.isfinite(distances).all():
            raise ValueError("there are geodesics of no finite length; remove their points")
        seeds = np.random.default_rng(self.random_state).integers(2**31, size=self.n_init)
        runs = [
            kmedoids.fasterpam(distances, self.n_clusters, random_state=int(seed), n_cpu=1)
            for seed in seeds
        ]
        best = min(runs, key=lambda run: run.loss)
        self.labels_ = np.asarray(best.labels, dtype=np.int64)
        self.medoid_indices_ = np.asarray(best.medoids, dtype=np.int64)
        self.inertia_ = float(best.loss)
        self.n_iter_ = int(best.n_iter)
        self._centres = z[torch.as_tensor(self.medoid_indices_, device=z.device)]  # (K, d)
        self.cluster_centers_ = like(self._centres, X)
        self.n_features_in_ = z.shape[1]
        return self

    def predict(self, X: Points) -> np.ndarray:
        """Nearest medoid of each point (n, d): int64, shape (n,).

        Raises
        ------
        NotFittedError
            If there are no medoids yet.
        TypeError, ValueError
            As :meth:`fit`.
        """
        check_fitted(self, "medoid_indices_")
        z = as_points(X, self.n_features_in_)
        with outside_inference_mode(), torch.no_grad():
            found = assign(self.geometry, as_ordinary(z), self._centres.to(z), COARSE)
        return found.labels.cpu().numpy()


def choose_seeds(geometry: Geometry, z: Tensor, count: int, seed: int) -> Tensor:
    """Points (K, d) to begin at, drawn as k-means++ does by geodesic distances.

    A point is proposed with a probability in proportion to the square of an upper bound of its
    distance from the nearest seed, and accepted with what the square of the distance is of that.
    """
    generator = torch.Generator().manual_seed(seed)  # on the CPU: the same for all devices
    chosen = [int(torch.randint(len(z), (), generator=generator))]
    bound = straight_lengths(geometry, z[chosen[0]], z, FEW_SEGMENTS)  # (n,)
    while len(chosen) < count:
        square = bound.double().square().nan_to_num(0, 0, 0).cpu()  # (n,)
        if not bool((square > 0).any()):  # as many seeds as there are different points
            chosen.append(next(i for i in range(len(z)) if i not in chosen))
            continue
        place = int(torch.multinomial(square, 1, generator=generator))
        seeds = z[chosen]  # (k, d)
        paths = solve_pairs(geometry, seeds, z[place].expand_as(seeds), ROUGH)
        length = torch.minimum(paths.length.min(), bound[place])
        accepted = torch.rand((), generator=generator) * square[place] <= float(length) ** 2
        bound[place] = length
        if accepted:
            chosen.append(place)
            lines = straight_lengths(geometry, z[place], z, FEW_SEGMENTS)  # (n,)
            bound = torch.minimum(bound, lines)
    return z[chosen]


def _check_count(name: str, value: int, most: int | None = None) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1
    if not whole or (most is not None and value > most):
        limit = "" if most is None else f" and at most {most}, the number of points"
        raise ValueError(f"{name} is {value!r}; expected a whole number, 1 or more{limit}")


def _require_kmedoids() -> None:
    try:
        import kmedoids  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "GeodesicKMedoids needs the package kmedoids: pip install 'latent-transport[medoids]' "
            f"({error})"
        ) from error

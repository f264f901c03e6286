"""Principal geodesics: the directions from the mean in which points are spread most."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.maps.exponential import exponential_map
from latent_transport.maps.logarithm import logarithm_map
from latent_transport.maps.momenta import fundamental_tensors
from latent_transport.statistics.estimators import (
    BaseEstimator,
    Points,
    TransformerMixin,
    as_points,
    check_fitted,
    like,
    require_scikit_learn,
)
from latent_transport.statistics.means import frechet_mean
from latent_transport.statistics.projections import project

TANGENT, GEODESIC = "tangent", "geodesic"


class GeodesicPCA(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Principal component analysis in the tangent space of the Fréchet mean.

    .. math:: u_i = \log_\mu z_i, \qquad C = \frac1{n-1} \sum_i u_i u_i^T M,
              \qquad C e_k = \lambda_k e_k, \quad e_k^T M e_l = \delta_{kl}

    with the mean :math:`\mu` of :func:`frechet_mean`, and its metric tensor M as the inner product.
    On Finsler geometries M is the mean of the tensors in the directions of the points: the
    coordinates are those of the inner product that is nearest to the norm where the points are,
    and lengths agree with the norm's as far as it is near. Geodesics through the mean along e_k are
    what inverse_transform draws. Source: Fletcher, Lu, Pizer & Joshi (2004), *Principal geodesic
    analysis for the study of nonlinear statistics of shape*. Needs scikit-learn.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler.
    n_components : int, optional
        Number of components K; as many as there are, at most d or n, by default.
    projection : {"tangent", "geodesic"}
        Coordinates in the tangent space, or of nearest points of the principal geodesics. These
        take a few geodesics more for each point and component.
    progress : str, optional
        Label of a progress bar of the mean's geodesics; there is none without.

    Attributes
    ----------
    mean_ : Tensor or ndarray, shape (d,)
        The Fréchet mean, as the points were given.
    components_ : Tensor or ndarray, shape (K, d)
        Velocities at the mean, orthonormal in the inner product, so that a coordinate is in units
        of the data. The largest entry of each is positive.
    explained_variance_ : ndarray, shape (K,)
        Variances of the coordinates about the mean, in squared units of the data: mean squares.
    explained_variance_ratio_ : ndarray, shape (K,)
        Shares of the sum of all variances in the tangent space. Where it is curved, those of
        nearest points need not fall, nor add up to 1.
    metric_ : Tensor or ndarray, shape (d, d)
        The inner product M.
    converged_ : bool
        Whether the mean converged.
    n_features_in_ : int
        d.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(z * torch.tensor([1.0, 10.0]), 1.0)
    >>> z = torch.tensor([[-2.0, 0.0], [2.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
    >>> pca = lt.GeodesicPCA(lt.Wasserstein1(decoder), 1).fit(z)
    >>> print(pca.explained_variance_ratio_.round(2), pca.transform(z)[3].numpy().round(1).tolist())
    [0.96] [10.0]
    """

    def __init__(
        self,
        geometry: Geometry,
        n_components: int | None = None,
        *,
        projection: str = TANGENT,
        progress: str | None = None,
    ) -> None:
        require_scikit_learn(type(self).__name__)
        self.geometry = geometry
        self.n_components = n_components
        self.projection = projection
        self.progress = progress

    def fit(self, X: Points, y: object = None) -> Self:
        """Find the components of points (n, d), n > 1; ``y`` is ignored.

        Warns
        -----
        RuntimeWarning
            If the mean, a geodesic from it, or a projection did not converge.

        Raises
        ------
        TypeError, ValueError
            If the points are no (n, d), not finite or less than two, n_components is none of the
            components, or the projection none of the two; or as :func:`frechet_mean`.
        """
        z = as_points(X)
        count = self._count(z)
        if self.projection not in (TANGENT, GEODESIC):
            raise ValueError(
                f'projection is {self.projection!r}; expected "{TANGENT}" or "{GEODESIC}"'
            )
        if len(z) < 2:
            raise ValueError(f"X has n_samples = {len(z)}, a single point; expected 2 or more")
        with outside_inference_mode(), torch.no_grad():
            z = as_ordinary(z)
            mean = frechet_mean(self.geometry, z, progress=self.progress)
            self._mean = mean.point  # (d,)
            v = logarithm_map(self.geometry, self._mean, z)  # (n, d)
            if not bool(torch.isfinite(v).all()):
                raise ValueError("there are geodesics of no finite length; remove their points")
            self._metric = _mean_tensor(self.geometry, self._mean, v)  # (d, d)
            values, vectors = _decompose(v, self._metric)  # (d,), (d, d)
            self._components = vectors[:count]  # (K, d)
            variances = values[:count]  # (K,)
            if self.projection == GEODESIC:
                variances = self._coordinates(z, v).square().sum(0) / (len(z) - 1)
        self.mean_ = like(self._mean, X)
        self.components_ = like(self._components, X)
        self.metric_ = like(self._metric, X)
        self.explained_variance_ = variances.cpu().numpy()
        total = values.sum().clamp(min=torch.finfo(values.dtype).tiny)
        self.explained_variance_ratio_ = (variances / total).cpu().numpy()
        self.converged_ = mean.converged
        self.n_features_in_ = z.shape[1]
        return self

    def transform(self, X: Points) -> Any:
        """Coordinates of points (n, d) along the components, in units of the data: (n, K).

        Warns
        -----
        RuntimeWarning
            If a geodesic or a projection did not converge.

        Raises
        ------
        NotFittedError
            If there are no components yet.
        TypeError, ValueError
            As :meth:`fit`.
        """
        check_fitted(self, "components_")
        z = as_points(X, self.n_features_in_)
        v = logarithm_map(self.geometry, self._mean.to(z), z)  # (n, d)
        return like(self._coordinates(z, v), X)

    def inverse_transform(self, X: Points) -> Any:
        """Points (n, d) at which geodesics from the mean arrive, for coordinates (n, K).

        Of a single component, points on the principal geodesic: the nearest to those whose
        coordinates they have, of nearest points.

        Raises
        ------
        NotFittedError
            If there are no components yet.
        TypeError, ValueError
            If the coordinates are no (n, K) or not finite; or as :func:`exponential_map`.
        """
        check_fitted(self, "components_")
        coordinates = as_points(X, len(self._components))  # (n, K)
        v = coordinates @ self._components.to(coordinates)  # (n, d)
        return like(exponential_map(self.geometry, self._mean.to(v), v), X)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the coordinates: geodesicpca0, geodesicpca1, ..."""
        check_fitted(self, "components_")
        names = [f"geodesicpca{i}" for i in range(len(self._components))]
        return np.array(names, dtype=object)

    def _coordinates(self, z: Tensor, v: Tensor) -> Tensor:
        """Coordinates (n, K) of points with logarithms v at the mean, (n, d) each."""
        mean, components = self._mean.to(z), self._components.to(z)
        coordinates = v @ self._metric.to(v) @ components.mT  # (n, K)
        if self.projection == TANGENT:
            return coordinates
        distances = self.geometry.norm(mean.expand_as(v), v)  # (n,)
        return project(self.geometry, mean, components, z, coordinates, distances).at

    def _count(self, z: Tensor) -> int:
        most = min(z.shape)
        count = self.n_components
        if count is None:
            return most
        if not isinstance(count, int | np.integer) or isinstance(count, bool):
            raise ValueError(f"n_components is {count!r}; expected a whole number")
        if not 1 <= count <= most:
            raise ValueError(
                f"n_components is {count}; expected 1 to {most}, for X {tuple(z.shape)}"
            )
        return int(count)


def _mean_tensor(geometry: Geometry, point: Tensor, v: Tensor) -> Tensor:
    """Inner product (d, d) at a point: the mean of its tensors in the directions v (n, d)."""
    if geometry.riemannian:
        return geometry.tensor(point)
    moving = v[(v != 0).any(-1)]  # (m, d)
    if len(moving) == 0:
        moving = torch.eye(v.shape[1], dtype=v.dtype, device=v.device)
    return fundamental_tensors(geometry, point.expand_as(moving), moving).mean(0)


def _decompose(v: Tensor, metric: Tensor) -> tuple[Tensor, Tensor]:
    """Variances (d,), falling, and components (d, d), of velocities (n, d) in an inner product."""
    values, vectors = torch.linalg.eigh(metric.double())  # (d,), (d, d)
    values = values.clamp(min=0)
    root = vectors * values.sqrt()  # (d, d), of M = root root^T
    # Directions that the decoder ignores have no length, and no part in any component.
    least = torch.finfo(v.dtype).eps * values.max()
    inverse = torch.where(values > least, values, torch.inf).rsqrt()[:, None] * vectors.mT  # (d, d)
    _, scales, rows = torch.linalg.svd(v.double() @ root, full_matrices=True)
    variances = values.new_zeros(len(values))
    variances[: len(scales)] = scales.square() / (len(v) - 1)
    components = rows @ inverse  # (d, d)
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))  # (d, 1)
    components = components * torch.where(largest < 0, -1, 1)
    return variances.to(v.dtype), components.to(v.dtype)

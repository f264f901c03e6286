"""What estimators share: scikit-learn's base classes, if it is there, and tensors in and out."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_transport.checks import check_finite, check_points, check_precision

try:
    from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
    from sklearn.exceptions import NotFittedError

    _missing: ImportError | None = None
except ImportError as error:
    _missing = error  # told to those who make an estimator, not to all who import its name
    _names = "BaseEstimator", "ClusterMixin", "TransformerMixin"
    BaseEstimator, ClusterMixin, TransformerMixin = (type(name, (), {}) for name in _names)
    NotFittedError = ValueError

__all__ = ["BaseEstimator", "ClusterMixin", "NotFittedError", "TransformerMixin"]

Points = Tensor | np.ndarray | list[Any]


def require_scikit_learn(name: str) -> None:
    """Refuse to make an estimator without scikit-learn.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    if _missing is not None:
        raise ImportError(
            f"{name} needs scikit-learn: pip install 'latent-transport[statistics]' ({_missing})"
        ) from _missing


def as_points(x: Points, dims: int | None = None, name: str = "X") -> Tensor:
    """Points (n, d) as a tensor: arrays of NumPy keep their precision, whole numbers become floats.

    Raises
    ------
    TypeError
        If they are no numbers, or of half precision.
    ValueError
        If they are no (n, d), not finite, or of another d than ``dims``.
    """
    if not isinstance(x, Tensor):
        array = np.asarray(x)
        if array.dtype.kind in "biu":
            array = array.astype(np.float64)
        x = torch.as_tensor(array)
    check_points(name, x)
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; expected (n, d), n > 0")
    check_precision(name, x)
    check_finite(name, x)
    if dims is not None and x.shape[1] != dims:
        raise ValueError(
            f"{name} has {x.shape[1]} features; expected {dims}, as those that the estimator was "
            "fitted to"
        )
    return x.detach()


def like(x: Tensor, given: Points) -> Any:
    """Return a tensor, or an array of NumPy where points were given as such."""
    return x if isinstance(given, Tensor) else x.cpu().numpy()


def check_fitted(estimator: object, attribute: str) -> None:
    """Refuse to use what is not fitted.

    Raises
    ------
    NotFittedError
        If the attribute is not there.
    """
    if not hasattr(estimator, attribute):
        raise NotFittedError(
            f"this {type(estimator).__name__} is not fitted; call fit with points first"
        )

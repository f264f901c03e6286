from .base import Decoder as Decoder
from .base import Geometry as Geometry
from .conformal import Conformal as Conformal
from .conformal import LatentEuclidean as LatentEuclidean
from .riemannian import Euclidean as Euclidean
from .riemannian import FisherRao as FisherRao
from .riemannian import Wasserstein2 as Wasserstein2
from .wasserstein1 import Wasserstein1 as Wasserstein1

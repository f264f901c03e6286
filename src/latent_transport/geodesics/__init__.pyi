from .connect import connecting_geodesics as connecting_geodesics
from .curves import CubicSpline as CubicSpline
from .graphs import NeighbourGraph as NeighbourGraph
from .paths import Geodesics as Geodesics
from .settings import SolverSettings as SolverSettings
from .stochman import StochMan as StochMan
from .stochman import StochManManifold as StochManManifold

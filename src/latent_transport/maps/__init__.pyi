from .curvature import flag_curvature as flag_curvature
from .curvature import sectional_curvature as sectional_curvature
from .exponential import Shots as Shots
from .exponential import exponential_map as exponential_map
from .exponential import shoot_geodesics as shoot_geodesics
from .logarithm import initial_velocities as initial_velocities
from .logarithm import logarithm_map as logarithm_map
from .transport import parallel_transport as parallel_transport

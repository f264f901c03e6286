from .exponential import Shots as Shots
from .exponential import exponential_map as exponential_map
from .exponential import shoot_geodesics as shoot_geodesics
from .logarithm import initial_velocities as initial_velocities
from .logarithm import logarithm_map as logarithm_map

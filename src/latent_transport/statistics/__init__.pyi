from .distances import distance_matrix as distance_matrix
from .distances import geodesic_distance as geodesic_distance

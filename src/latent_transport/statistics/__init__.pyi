from .clusters import GeodesicKMeans as GeodesicKMeans
from .clusters import GeodesicKMedoids as GeodesicKMedoids
from .components import GeodesicPCA as GeodesicPCA
from .distances import distance_matrix as distance_matrix
from .distances import geodesic_distance as geodesic_distance
from .means import FrechetMean as FrechetMean
from .means import frechet_mean as frechet_mean

from .family import Family as Family
from .logistic_mixture import DiscretizedLogisticMixture as DiscretizedLogisticMixture
from .registry import distribution_mean as distribution_mean
from .registry import factors as factors
from .registry import family_of as family_of
from .wasserstein import product_wasserstein1 as product_wasserstein1
from .wasserstein import wasserstein1 as wasserstein1

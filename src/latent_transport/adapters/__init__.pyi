from .adapt import adapt as adapt
from .arrays import adapt_numpy as adapt_numpy
from .decoder import AdaptedDecoder as AdaptedDecoder

from .catalogue import SOURCES as SOURCES
from .idx import read_idx as read_idx
from .idx import write_idx as write_idx
from .sources import fetch as fetch
from .subsets import Subset as Subset
from .subsets import load_subset as load_subset
from .subsets import make_subset as make_subset
from .subsets import save_subset as save_subset

from .builder import build_page as build_page
from .planes import Plane as Plane

"""All conditions, by kinds."""

from conditions.clones import CLONES
from conditions.environment import ENVIRONMENT
from conditions.images import IMAGES
from conditions.mirrors import MIRRORS
from conditions.places import PLACES
from conditions.settings import SETTINGS

CONDITIONS = {c.name: c for c in [*ENVIRONMENT, *PLACES, *CLONES, *IMAGES, *MIRRORS, *SETTINGS]}

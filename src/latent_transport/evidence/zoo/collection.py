"""All problems of the zoo."""

from latent_transport.evidence.zoo.developable import make_developable
from latent_transport.evidence.zoo.families import make_families
from latent_transport.evidence.zoo.problems import Problem
from latent_transport.evidence.zoo.spheres import make_spheres
from latent_transport.evidence.zoo.surfaces import make_surfaces
from latent_transport.evidence.zoo.weights import make_weights


def make_zoo() -> dict[str, Problem]:
    """Return all problems by their names, in double precision, on the CPU."""
    makers = (make_spheres, make_surfaces, make_developable, make_families, make_weights)
    return {problem.name: problem for make in makers for problem in make()}

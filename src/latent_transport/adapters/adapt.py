"""The one call that makes a decoder, or a geometry, of a model of another library."""

from typing import Any, Literal, overload

from latent_transport.adapters.arguments import Arguments
from latent_transport.adapters.decoder import AdaptedDecoder, Likelihood
from latent_transport.adapters.diffusers import is_diffusers, read_diffusers
from latent_transport.adapters.modules import has_decoder, read_module
from latent_transport.adapters.pythae import is_pythae, read_pythae, read_pythae_metric
from latent_transport.adapters.scvi import is_scvi, read_scvi
from latent_transport.adapters.stochman import is_stochman, read_stochman, read_stochman_metric
from latent_transport.geometries.metric import LatentMetric

# In the order in which a model is asked whether it is one of theirs.
READERS = (
    (is_pythae, read_pythae),
    (is_scvi, read_scvi),
    (is_diffusers, read_diffusers),
    (is_stochman, read_stochman),
    (has_decoder, read_module),
)
METRICS = (read_pythae_metric, read_stochman_metric)
KNOWN = (
    "models of pythae, scvi-tools and diffusers, networks and manifolds of StochMan, and modules, "
    "such as Lightning's, with a method decode(z) or a part decoder"
)


@overload
def adapt(
    model: Any,
    *,
    metric: Literal[False] = False,
    likelihood: Likelihood | None = None,
    library_size: float | None = None,
    batch: Any = None,
) -> AdaptedDecoder: ...


@overload
def adapt(model: Any, *, metric: Literal[True]) -> LatentMetric: ...


def adapt(
    model: Any,
    *,
    metric: bool = False,
    likelihood: Likelihood | None = None,
    library_size: float | None = None,
    batch: Any = None,
) -> AdaptedDecoder | LatentMetric:
    """Make a decoder of a model of another library, or a geometry of its own metric.

    What a model is, is told by the parts that it has; no library is imported.

    ============= ===================================== ====================================
    library       models                                distributions
    ============= ===================================== ====================================
    pythae        all but VQVAE and SVAE                as ``reconstruction_loss`` says
    scvi-tools    SCVI and others with ``generative``   counts, as ``gene_likelihood`` says
    diffusers     AutoencoderKL, AutoencoderTiny        images as plain values
    StochMan      networks, embedded manifolds          plain values
    Lightning     a method ``decode`` or a ``decoder``  what these return
    ============= ===================================== ====================================

    The model is left as it is: in train mode or not, trainable or not, and where it is. What
    decodes is a copy in eval mode, frozen, that shares the model's weights, and takes no memory for
    them. What training writes into these later, it has as well; move the model to its device and
    dtype before, or the copy stays where it was.

    Parameters
    ----------
    model : object
    metric : bool, optional
        Whether the metric of the latent space that the model carries is wanted, as a geometry:
        pythae's RHVAE and PoincareVAE, StochMan's manifolds. By default the decoder is.
    likelihood : callable, optional
        What the network's output means: from that output to a distribution, a tensor, or a tuple of
        distributions, such as ``lambda mean: Normal(mean, 0.1)``. By default as in the table. None
        for scvi-tools.
    library_size : float, optional
        Total count of the cells that scvi-tools' models decode; 10,000 by default.
    batch : object, optional
        Name of their batch, as in the ``AnnData``, where there are several.

    Returns
    -------
    AdaptedDecoder or LatentMetric
        A decoder for any geometry, as ``Wasserstein1(adapt(model))``; with ``metric=True`` a
        geometry.

    Raises
    ------
    TypeError
        If the model is of no known kind, an argument is of no use to it, or it carries no metric.
    ValueError
        If the library size or the batch cannot be.
    """
    given = Arguments(likelihood, library_size, batch)
    if metric:
        given.refuse_others("a metric")
        return LatentMetric(_find_metric(model))
    for knows, read in READERS:
        if knows(model):
            return read(model, given)
    raise TypeError(
        f"the model is a {type(model).__name__} without a known decoder; known are {KNOWN}. For "
        "another, no adapter is needed: give a geometry any function of z that returns a torch "
        "distribution, or a tensor of values, as Wasserstein1(lambda z: Normal(network(z), 0.1))"
        + (", or adapt(model, metric=True) its metric" if read_stochman_metric(model) else "")
    )


def _find_metric(model: Any) -> Any:
    for read in METRICS:
        found = read(model)
        if found is not None:
            return found
    raise TypeError(
        f"the {type(model).__name__} carries no metric that is known; expected RHVAE or "
        "PoincareVAE of pythae, or a manifold of StochMan: give LatentMetric a function of z for "
        "another, or leave out metric=True for the decoder"
    )

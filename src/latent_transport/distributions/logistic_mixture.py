"""Likelihoods of discretised data: the mixture of discretised logistics on 256 grey levels."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints
from typing_extensions import override

from latent_transport.kernels.constants import LEVELS, LIMIT
from latent_transport.kernels.log_mass import log_mass


class _Scale(constraints.Constraint):
    """Positive numbers up to a bound."""

    @override
    def check(self, value: Tensor) -> Tensor:
        return (value > 0) & (value <= LIMIT)

    @override
    def __repr__(self) -> str:
        return f"Positive(upper_bound={LIMIT:g})"


class DiscretizedLogisticMixture(Distribution):
    r"""Mixture of K logistic distributions, discretised on the grey levels 0, ..., 255.

    Component j has the continuous cdf :math:`F_j(y) = \sigma((y - \mu_j) / s_j)`; level x collects
    the mass between the edges x - 1/2 and x + 1/2, and the two end levels collect the tails, so
    that the 256 probabilities sum to one:

    .. math:: P(X \le x) = \sum_j \pi_j F_j(x + 1/2) \quad (x < 255), \qquad P(X \le 255) = 1.

    K = 1 is the discretised logistic of Roy & Hauberg (2022), Section 3; K > 1 the likelihood of
    Salimans et al. (2017), *PixelCNN++*, Eq. 2, without its autoregressive colour coupling.

    Parameters
    ----------
    logits : Tensor, shape (..., K)
        Unnormalised log-weights of the components.
    loc : Tensor, shape (..., K)
        Locations, in grey levels (0 to 255; values outside are allowed, up to 1e15 on either side).
    scale : Tensor, shape (..., K)
        Scales, positive, in grey levels, at most 1e15; distances count those below 1e-5 as 1e-5.
    validate_args : bool, optional
        As in :class:`torch.distributions.Distribution`.

    The three tensors broadcast against each other; the batch shape is theirs without K.

    Raises
    ------
    ValueError
        If a parameter has no component dimension, or lies outside its constraint.
    """

    arg_constraints = {  # noqa: RUF012 - the name and type that torch.distributions asks for
        "logits": constraints.independent(constraints.real, 1),
        "loc": constraints.independent(constraints.interval(-LIMIT, LIMIT), 1),
        "scale": constraints.independent(_Scale(), 1),
    }
    support = constraints.integer_interval(0, LEVELS - 1)
    has_rsample = False

    def __init__(
        self, logits: Tensor, loc: Tensor, scale: Tensor, validate_args: bool | None = None
    ) -> None:
        for name, value in (("logits", logits), ("loc", loc), ("scale", scale)):
            if value.ndim == 0:
                raise ValueError(
                    f"{name} of DiscretizedLogisticMixture has no dimensions; expected (..., K), "
                    f"K the number of components: pass {name}[..., None] for K = 1"
                )
        self.logits, self.loc, self.scale = torch.broadcast_tensors(logits, loc, scale)
        super().__init__(self.loc.shape[:-1], validate_args=validate_args)

    @override
    def expand(
        self, batch_shape: Sequence[int], _instance: Any = None
    ) -> "DiscretizedLogisticMixture":
        """Return the same distributions with their batch shape expanded."""
        shape = torch.Size(batch_shape) + self.loc.shape[-1:]
        return DiscretizedLogisticMixture(
            self.logits.expand(shape), self.loc.expand(shape), self.scale.expand(shape), False
        )

    @property
    def components(self) -> int:
        """Number K of logistic components."""
        return self.loc.shape[-1]

    @override
    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability of grey levels.

        Parameters
        ----------
        value : Tensor, broadcastable to the batch shape
            Grey levels 0, ..., 255, of any dtype.

        Returns
        -------
        Tensor, batch shape
            Natural logarithm of the probability.
        """
        if self._validate_args:
            self._validate_sample(value)
        level = value.to(self.loc.dtype).unsqueeze(-1)  # (..., 1)
        masses = log_mass(level, self.loc, self.scale)  # (..., K)
        if self.components == 1:
            return masses.squeeze(-1)  # (...)
        return torch.logsumexp(F.log_softmax(self.logits, dim=-1) + masses, dim=-1)  # (...)

    @override
    def cdf(self, value: Tensor) -> Tensor:
        """Return P(X <= value) for real values (...): a step function, steps at 0, ..., 255."""
        level = torch.floor(value.to(self.loc.dtype)).unsqueeze(-1)  # (..., 1)
        components = torch.sigmoid((level + 0.5 - self.loc) / self.scale)  # (..., K)
        mixed = (F.softmax(self.logits, dim=-1) * components).sum(-1)  # (...)
        level = level.squeeze(-1)  # (...)
        return torch.where(level < 0, 0, torch.where(level >= LEVELS - 1, 1, mixed))  # (...)

    @property
    def probs(self) -> Tensor:
        """Probabilities of the 256 levels, (..., 256); 256 wide, meant for checks and plots."""
        edges = torch.arange(LEVELS - 1, dtype=self.loc.dtype, device=self.loc.device)  # (255,)
        edges = edges[:, None] + 0.5  # (255, 1)
        u = (edges - self.loc.unsqueeze(-2)) / self.scale.unsqueeze(-2)  # (..., 255, K)
        weights = F.softmax(self.logits, dim=-1).unsqueeze(-2)  # (..., 1, K)
        low = (weights * torch.sigmoid(u)).sum(-1)  # (..., 255)
        high = (weights * torch.sigmoid(-u)).sum(-1)  # (..., 255)
        zero, one = torch.zeros_like(low[..., :1]), torch.ones_like(low[..., :1])  # (..., 1)
        low, high = torch.cat((zero, low, one), -1), torch.cat((one, high, zero), -1)  # (..., 257)
        # A difference of the smaller tails keeps the digits that 1 - (1 - p) loses.
        upper = low[..., :-1] > 0.5  # (..., 256)
        return torch.where(
            upper, high[..., :-1] - high[..., 1:], low[..., 1:] - low[..., :-1]
        )  # (..., 256)

    @property
    @override
    def mean(self) -> Tensor:
        r"""Expected grey level, :math:`\sum_{k=0}^{254} P(X > k)`, shape (...)."""
        total = torch.zeros_like(self.loc[..., 0])  # (...)
        weights = F.softmax(self.logits, dim=-1)  # (..., K)
        for edge in range(LEVELS - 1):  # accumulating keeps the 255-wide tensor out of memory
            survival = torch.sigmoid((self.loc - (edge + 0.5)) / self.scale)  # (..., K)
            total = total + (weights * survival).sum(-1)  # (...)
        return total

    @property
    @override
    def variance(self) -> Tensor:
        r"""Variance of the grey level, from :math:`E[X^2] = \sum_k (2k + 1) P(X > k)`, (...)."""
        square = torch.zeros_like(self.loc[..., 0])  # (...)
        weights = F.softmax(self.logits, dim=-1)  # (..., K)
        for edge in range(LEVELS - 1):
            survival = torch.sigmoid((self.loc - (edge + 0.5)) / self.scale)  # (..., K)
            square = square + (2 * edge + 1) * (weights * survival).sum(-1)  # (...)
        return (square - self.mean.square()).clamp(min=0)  # (...)

    @override
    def sample(
        self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw grey levels: a component, a logistic variate, rounded and clipped to 0..255.

        Parameters
        ----------
        sample_shape : sequence of int, optional
            Leading shape of independent draws.
        generator : torch.Generator, optional
            Source of randomness; the default one of the device otherwise.

        Returns
        -------
        Tensor, sample_shape + batch shape
            Levels 0, ..., 255, in the dtype of the parameters.
        """
        with torch.no_grad():
            shape = torch.Size(sample_shape) + self.loc.shape  # (..., K)
            like = {"dtype": self.loc.dtype, "device": self.loc.device, "generator": generator}
            tiny = torch.finfo(self.loc.dtype).tiny
            uniform = torch.rand(shape, **like).clamp(min=tiny)  # (..., K)
            gumbel = -torch.log(-torch.log(uniform) + tiny)  # (..., K)
            pick = (self.logits + gumbel).argmax(-1, keepdim=True)  # (..., 1)
            loc = self.loc.expand(shape).gather(-1, pick).squeeze(-1)  # (...)
            scale = self.scale.expand(shape).gather(-1, pick).squeeze(-1)  # (...)
            uniform = torch.rand(shape[:-1], **like).clamp(tiny, 1 - torch.finfo(loc.dtype).eps)
            logistic = loc + scale * torch.logit(uniform)  # (...)
            return logistic.round().clamp(0, LEVELS - 1)  # (...)

    @override
    def entropy(self) -> Tensor:
        """Entropy in nats, (...); 256 wide."""
        return Categorical(probs=self.probs, validate_args=False).entropy()

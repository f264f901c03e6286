"""The geometry of a latent space: what every pulled-back distance has.

A geometry measures a latent displacement by how far the decoder's distribution moves. It gives
residuals whose sum of squares is the squared distance between two distributions, which is all
that the solvers need; lengths, energies, local norms and volumes follow from them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.distributions import Distribution

from latent_transport.checks import check_alike, check_finite, check_points, check_precision
from latent_transport.distributions.family import flat_coordinates
from latent_transport.distributions.registry import DecoderOutput, factors, family_of
from latent_transport.distributions.wasserstein import safe_sqrt
from latent_transport.geometries.contract import check_decoding, flatten_points
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.process import (
    as_ordinary,
    deliver_interrupt,
    forward_mode,
    outside_inference_mode,
    plain_attention,
    validate,
    without_validation,
)
from latent_transport.geometries.shapes import Unflattened
from latent_transport.geometries.slopes import residual_slopes
from latent_transport.memory import RowSizes, count_rows, map_rows, map_segments

Decoder = Callable[[Tensor], DecoderOutput]

FEW_AXES = 32  # of the latent space, along which points are differentiated at once in any case

EXPORTED = (
    "a program that was exported for one number of points: export it for any, by "
    "dynamic_shapes=({0: torch.export.Dim.AUTO},)"
)
HINTS = {
    "fullgraph": "torch.compile(..., fullgraph=True) cannot be differentiated along axes, nor its "
    "memory measured: pass the module from before, or compile it without fullgraph",
    "dtype": "if the decoder computes in another dtype than the points have, convert the one or "
    "the other with .to(...)",
    "nference tensor": "a model made or loaded under torch.inference_mode() cannot be "
    "differentiated: make it outside, or under torch.no_grad()",
    "Guard failed": EXPORTED,
    "numpy()": "a decoder of NumPy arrays is wrapped by latent_transport.adapt_numpy, with its "
    "derivative",
    "shape[0] to be equal to": EXPORTED,
}
"""What to do about errors of a decoder that have these words."""

BLAMED = "raised by the decoder"
"""How the note begins that errors of a decoder get."""

FUSED_ATTENTION = ("scaled_dot_product", "transformer_encoder_layer", "multi_head_attention")


class Geometry(ABC):
    """Pull-back of a distance between distributions through a decoder.

    Parameters
    ----------
    decoder : callable
        Maps latent points (M, d) to a :class:`torch.distributions.Distribution` of batch shape
        (M, D), or (M, channels, height, width), or any other that begins with M, of a family that
        :mod:`latent_transport.distributions.registry` knows, such as normals or discretised
        logistic mixtures; to a tensor of values; or to a tuple or dict of distributions, whose
        product is measured. Each point by itself, and always to the same. Its parameters (or
        buffers) decide device and dtype.
    latent_shape : sequence of int, optional
        Shape of a latent that is not flat, such as (4, 8, 8): the decoder is then called with
        (M, 4, 8, 8). Points stay flat, (..., 256), here and in all results.

    Attributes
    ----------
    decoder : callable
        Of flat points (M, d).
    row_sizes : RowSizes
        What points take in memory while they are measured or differentiated, as far as is known.
    weighted : bool
        Whether the norm has a weight that varies over the latent space. Its curvature is no part of
        the residuals' first derivatives: :meth:`weight_curvature` tells it to solvers. A geometry
        that wraps a weighted one says so of itself.
    riemannian : bool
        Whether the norm comes from an inner product, so that :meth:`tensor` knows no direction.
    """

    weighted = False
    riemannian = True

    def __init__(self, decoder: Decoder, *, latent_shape: Sequence[int] | None = None) -> None:
        if not callable(decoder):
            raise TypeError(
                f"decoder is a {type(decoder).__name__}; expected a callable from latent points "
                "(M, d) to a torch Distribution or a tensor, such as a module in eval mode"
            )
        self.decoder = decoder if latent_shape is None else Unflattened(decoder, latent_shape)
        self.row_sizes = RowSizes()
        self._attends = False  # as far as is known: a decoder whose attention has fused kernels

    @abstractmethod
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        """Residuals (..., M, D) whose squares add up to the squared distance of p and q.

        ``p`` and ``q`` are decoded points of one family; variable i of the residuals depends on
        variable i of their tensors only.
        """

    @abstractmethod
    def local_residuals(self, p: Decoded, dp: Decoded) -> Tensor:
        """Residuals (..., M, D) whose squares add up to the squared local norm of dp at p.

        Of the velocities ``dp`` the coordinates count; how the weight changes is of second order.
        """

    def decode(self, z: Tensor) -> Decoded:
        """Decode latent points (..., d), which the decoder gets as (M, d).

        Returns
        -------
        Decoded
            Coordinates (..., C, D) of the distributions in their family.

        Raises
        ------
        TypeError
            If the points are no floating-point tensor, or of half precision, or the decoder returns
            no supported distribution, or one of another dtype or device than the points.
        ValueError
            If its batch shape does not begin with M, or the points are not of ``latent_shape``.
        """
        deliver_interrupt()
        check_points("z", z)
        check_precision("z", z)
        flat = flatten_points(z)  # (M, d)
        with without_validation():
            try:
                distribution = self._call_decoder(flat)
            except Exception as error:
                error.add_note(
                    f"{BLAMED}, called with latent points of shape "
                    f"{tuple(flat.shape)}, {z.dtype} on {z.device}"
                )
                for words, hint in HINTS.items():
                    if words in str(error):
                        error.add_note(hint)
                raise
        shape = tuple(getattr(distribution, "batch_shape", (len(flat),)))
        if shape[:1] != (len(flat),) or 0 in shape[1:]:
            raise ValueError(
                f"the decoder maps latent points of shape {tuple(flat.shape)} to distributions of "
                f"batch shape {shape}; expected {(len(flat), 'D')}, D the number of variables, or "
                f"other dimensions behind the {len(flat)}, such as channels, rows and columns"
            )
        with without_validation():
            family = family_of(distribution)
        p = flat_coordinates(family, distribution)  # (M, C, D)
        if z.ndim != 2:
            p = p.reshape(*z.shape[:-1], *p.shape[1:])  # (..., C, D)
        if p.dtype != z.dtype or p.device != z.device:
            raise TypeError(
                f"the decoder maps latent points of {z.dtype} on {z.device} to parameters of "
                f"{p.dtype} on {p.device}; expected the same: convert the points or the decoder "
                "with .to(...)"
            )
        return Decoded(family, p)

    def _call_decoder(self, flat: Tensor) -> Distribution:
        """Distributions at points (M, d), of which the decoder gets a copy, and may change it."""
        return factors(self.decoder(flat.clone()), len(flat))

    def decode_with_checks(self, z: Tensor, name: str = "z") -> Decoded:
        """Decode as :meth:`decode`, and refuse parameters that no distribution can have.

        Raises
        ------
        ValueError
            If the decoder's parameters at ``name`` are not finite or not valid.
        """
        p = self.decode(z)
        p.check_finite(name)
        try:
            # With torch's own checks, which are off in all other calls.
            validate(self._call_decoder(flatten_points(z)))
        except ValueError as error:
            raise ValueError(
                f"the decoder's parameters at {name} are not valid: {error}"
            ) from error
        return p

    def check_decoder(self, *points: Tensor) -> None:
        """Refuse a decoder that does not give each point a value of its own; cheap.

        Parameters
        ----------
        *points : Tensor, shape (..., d)
            Of which two are decoded, alone and together.

        Raises
        ------
        TypeError, ValueError
            As :meth:`decode`; also if the decoder is in train mode and has layers to which it
            matters, is random, or mixes the points of a batch.
        """
        check_decoding(self.decode, *points)

    @outside_inference_mode()
    def decode_with_jacobian(self, z: Tensor) -> tuple[Decoded, Decoded]:
        """Decode latent points (..., d), and differentiate in forward mode.

        Returns
        -------
        tuple of Decoded
            The decoded points, and their derivatives along the d axes of the latent space, with a
            leading dimension more: (d, ..., C, D).

        Raises
        ------
        TypeError, ValueError
            As :meth:`decode`; also if the decoder's output is cut off from its input.
        """
        check_points("z", z)
        found: list[Decoded] = []

        def coordinates(at: Tensor) -> Tensor:
            decoded = self.decode(at)
            if forward_ad.unpack_dual(decoded.coordinates).tangent is None:
                raise ValueError(
                    "the decoder's output does not depend differentiably on z; a decoder must not "
                    "detach its input"
                )
            found.append(decoded)
            return decoded.coordinates

        def push_forward(direction: Tensor) -> tuple[Tensor, Tensor]:
            pair = torch.func.jvp(coordinates, (z,), (direction.expand_as(z),))
            return pair[0], pair[1]

        z = as_ordinary(z).contiguous()  # forward mode refuses expanded tensors
        axes = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)  # (d, d)

        def differentiate() -> tuple[Tensor, Tensor]:
            along = torch.vmap(push_forward, out_dims=(None, 0))  # type: ignore[arg-type]
            parts = [along(some) for some in axes.split(self._count_axes(z))]
            return parts[0][0], torch.cat([part for _, part in parts])

        with forward_mode():
            try:
                with plain_attention() if self._attends else nullcontext():
                    p, jacobian = differentiate()
            except NotImplementedError as error:
                if self._attends or not any(name in str(error) for name in FUSED_ATTENTION):
                    raise
                self._attends = True
                with plain_attention():
                    p, jacobian = differentiate()
        family = found[0].family
        return Decoded(family, p), Decoded(family, jacobian)

    def _count_axes(self, z: Tensor) -> int:
        """Along how many axes points (..., d) are differentiated at once, within the memory."""
        dims = z.shape[-1]
        if dims <= FEW_AXES or z.is_meta or torch.compiler.is_compiling():
            return dims
        point = z.detach().reshape(-1, dims)[:1]  # (1, d)
        axes = torch.eye(dims, dtype=z.dtype, device=z.device)  # (d, d)

        def coordinates(at: Tensor) -> Tensor:
            return self.decode(at).coordinates  # (1, C, D)

        def compute(count: int) -> Tensor:
            def push_forward(direction: Tensor) -> Tensor:
                return torch.func.jvp(coordinates, (point,), (direction[None],))[1]

            return torch.vmap(push_forward)(axes[:count])  # (count, 1, C, D)

        size = self.row_sizes.measure("axes", z, compute)
        return min(dims, count_rows(size * (z.numel() // dims)))

    def distance(self, z0: Tensor, z1: Tensor) -> Tensor:
        """Distance between the distributions at z0 and z1, (..., d) each: shape (...).

        In units of the data; the gradient is 0 where the distributions are equal.

        Raises
        ------
        TypeError, ValueError
            If the points do not fit together or are not finite, or the decoder's parameters are
            not, or as :meth:`check_decoder`.
        """
        _check_vectors("z0", z0, "z1", z1)
        self.check_decoder(z0, z1)

        def measure(z0: Tensor, z1: Tensor) -> Tensor:
            p, q = self.decode(z0), self.decode(z1)
            p.check_finite("z0")
            q.check_finite("z1")
            return self.residuals(p, q).square().sum((-2, -1))  # (...)

        return safe_sqrt(map_rows(measure, z0, z1))  # (...)

    def lower_bound(self, z0: Tensor, z1: Tensor) -> Tensor:
        """What no curve between z0 and z1, (..., d) each, is shorter than: shape (...).

        Their distance, by the triangle inequality; in units of the data.

        Raises
        ------
        TypeError, ValueError
            As :meth:`distance`.
        """
        return self.distance(z0, z1)

    def segment_lengths(self, points: Tensor, *, memory: int | None = None) -> Tensor:
        """Distances between successive points (..., N, d) of curves: shape (..., N - 1).

        In units of the data; nan where the decoder's parameters are not finite. The temporaries
        take at most ``memory`` bytes, by default :data:`latent_transport.memory.MEMORY`; where a
        gradient is wanted, what it needs is kept.

        Raises
        ------
        TypeError, ValueError
            As :meth:`check_decoder`; also if there are fewer than two points.
        """
        _check_curves(points)
        return safe_sqrt(self._segment_squares(points, memory))  # (..., N - 1)

    def curve_length(self, points: Tensor) -> Tensor:
        r"""Length of curves through ``points`` (Roy & Hauberg 2022, Eq. 7).

        .. math:: l(\gamma) = \sum_{n=1}^{N-1} W_1(p(\cdot|\gamma_n), p(\cdot|\gamma_{n+1}))

        for the W1 geometry, and with its own distance for each other.

        Parameters
        ----------
        points : Tensor, shape (B, N, d)
            Successive points; more of them never make the length shorter.

        Returns
        -------
        Tensor, shape (B,)
            In units of the data; nan for curves that pass where the decoder's parameters are not
            finite.

        Raises
        ------
        TypeError, ValueError
            As :meth:`segment_lengths`.
        """
        return self.segment_lengths(points).sum(-1)

    def curve_energy(self, points: Tensor) -> Tensor:
        r"""Energy of curves, (B, N, d) to (B,): :math:`(N - 1) \sum_n d^2(\gamma_n, \gamma_{n+1})`.

        In squared units of the data. It is at least the squared length, with equality at constant
        speed, and tends to :math:`\int_0^1 F(\gamma, \dot\gamma)^2 dt` for points equally spaced
        in t.

        Raises
        ------
        TypeError, ValueError
            As :meth:`segment_lengths`.
        """
        _check_curves(points)
        return (points.shape[-2] - 1) * self._segment_squares(points).sum(-1)  # (...)

    def polygon_energy(self, points: Tensor) -> Tensor:
        """Energy of polygons as :meth:`curve_energy`, without its checks: what solvers call."""
        p = self.decode(points)  # of (..., N)
        squares = self.residuals(p[..., :-1], p[..., 1:]).square().sum((-3, -2, -1))  # (...)
        return (points.shape[-2] - 1) * squares

    def _segment_squares(self, points: Tensor, memory: int | None = None) -> Tensor:
        """Squared distances between successive points (..., N, d): shape (..., N - 1)."""
        self.check_decoder(points)

        def measure(points: Tensor) -> Tensor:
            p = self.decode(points)  # of (..., N)
            return self.residuals(p[..., :-1], p[..., 1:]).square().sum((-2, -1))  # (..., N - 1)

        return map_segments(measure, points, sizes=self.row_sizes, memory=memory)

    @outside_inference_mode()
    def norm(self, z: Tensor, v: Tensor) -> Tensor:
        r"""Local length :math:`F(z, v)` of latent velocities: (..., d) twice to (...).

        The limit of ``distance(z, z + eps v) / eps`` for eps to 0 from above, in units of the data.

        Raises
        ------
        TypeError, ValueError
            If points and velocities do not fit together or are not finite, or the decoder's
            parameters are not, or as :meth:`check_decoder`.
        """
        _check_vectors("z", z, "v", v)
        z, v = as_ordinary(z), as_ordinary(v)
        self.check_decoder(z)

        def measure(z: Tensor, v: Tensor) -> Tensor:
            p, jacobian = self.decode_with_jacobian(z)
            p.check_finite("z")
            dp = p.velocity(_push_forward(jacobian, v))
            return self.local_residuals(p, dp).square().sum((-2, -1))  # (...)

        return safe_sqrt(map_rows(measure, z, v))  # (...)

    @outside_inference_mode()
    def tensor(self, z: Tensor, v: Tensor | None = None) -> Tensor:
        r"""Metric tensor at z in the direction v: shape (..., d, d).

        The symmetric positive semi-definite matrix M with :math:`F(z, v)^2 = v^T M v` and
        :math:`M v = \tfrac12 \nabla_v F^2`. For Riemannian geometries M does not depend on v; the
        pulled-back W1 is a reversible Finsler structure, :math:`F(z, v)^2 = \sum_i (\sum_k
        |a_{ik} \cdot v|)^2` with :math:`a_{ik} = \nabla_z F_i(k)`, whose tensor is
        :math:`\sum_i s_i s_i^T, \; s_i = \sum_k \operatorname{sign}(a_{ik} \cdot v) a_{ik}`. For
        variables on levels this is the fundamental tensor, the Hessian of :math:`F^2/2` in v, for
        almost every v; for continuous ones, whose sums are integrals, that has a further term,
        which vanishes in the direction v (Bao, Chern & Shen 2000, *An introduction to
        Riemann-Finsler geometry*).

        Parameters
        ----------
        z : Tensor, shape (..., d)
            Points.
        v : Tensor, shape (..., d), optional
            Non-zero directions, which a Riemannian geometry can do without.

        Returns
        -------
        Tensor, shape (..., d, d)
            In squared units of the data, a squared latent unit.

        Raises
        ------
        TypeError, ValueError
            As :meth:`norm`; also if there is no direction where it matters.
        """
        if v is None:
            if not self.riemannian:
                raise TypeError(
                    f"the tensor of {type(self).__name__} depends on the direction; give "
                    "directions v (..., d) behind the points"
                )
            check_points("z", z)
            v = torch.ones_like(z)  # (..., d)
        _check_vectors("z", z, "v", v)
        z, v = as_ordinary(z), as_ordinary(v)
        self.check_decoder(z)
        return map_rows(self._tensor, z, v)  # (..., d, d)

    def _tensor(self, z: Tensor, v: Tensor) -> Tensor:
        p, jacobian = self.decode_with_jacobian(z)
        p.check_finite("z")
        velocity = _push_forward(jacobian, v).detach()  # (..., C, D)
        at = p.apply(Tensor.detach)

        def residuals(dp: Decoded) -> Tensor:
            return self.local_residuals(at, dp)  # (..., M, D)

        axes = p.velocity(jacobian.coordinates)  # of (d, ...)
        parts = residual_slopes(residuals, (p.velocity(velocity),), (axes,))
        rows = torch.cat([slopes for _, (slopes,) in parts], -2)  # (d, ..., M, D)
        rows = rows.movedim(0, -3).flatten(-2)  # (..., d, M D)
        return rows @ rows.mT  # (..., d, d)

    def residual_curvature(self, p: Decoded, q: Decoded) -> Tensor:
        r"""Covectors k with :math:`\sum_r k_r k_r^T \approx r \nabla^2_q r` for neighbours.

        What a squared residual's Hessian in the coordinates has beside the square of the slope:
        nothing, and R = 0, where residuals are differences of functions of p and q.

        Parameters
        ----------
        p, q : Decoded
            Decoded points of (...).

        Returns
        -------
        Tensor, shape (..., R, C, D)
        """
        return p.coordinates.new_zeros(*p.coordinates.shape[:-2], 0, *p.coordinates.shape[-2:])

    def weight_curvature(self, z: Tensor) -> Tensor:
        """Second derivatives of the logarithm of the weight at z (..., d): shape (..., d, d).

        Zero where there is no weight. In inverse squared latent units.
        """
        return z.new_zeros(*z.shape, z.shape[-1])

    def volume(self, z: Tensor) -> Tensor:
        """Volume density of a Riemannian geometry, the root of the determinant of its tensor.

        Parameters
        ----------
        z : Tensor, shape (..., d)

        Returns
        -------
        Tensor, shape (...)
            In units of the data to the power d, a unit of latent volume.

        Raises
        ------
        TypeError, ValueError
            As :meth:`norm`.
        """
        check_points("z", z)

        def measure(z: Tensor) -> Tensor:
            return self.tensor(z, torch.ones_like(z)).det().clamp(min=0).sqrt()  # (...)

        return map_rows(measure, z)  # (...)


def _push_forward(jacobian: Decoded, v: Tensor) -> Tensor:
    """Velocities (..., C, D) of the coordinates, for latent velocities (..., d)."""
    return torch.einsum("...j,j...cd->...cd", v, jacobian.coordinates)


def _check_vectors(name: str, z: Tensor, other: str, v: Tensor) -> None:
    for label, x in ((name, z), (other, v)):
        check_points(label, x)
    check_alike(name, z, other, v)
    check_precision(name, z)
    for label, x in ((name, z), (other, v)):
        check_finite(label, x)


def _check_curves(points: Tensor) -> None:
    check_points("points", points)
    if points.ndim < 2 or points.shape[-2] < 2:
        raise ValueError(f"points has shape {tuple(points.shape)}; expected (..., N, d), N >= 2")
    check_precision("points", points)

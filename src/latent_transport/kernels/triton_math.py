"""Functions of the Triton kernels that keep their relative accuracy next to zero."""

import triton
import triton.language as tl


@triton.jit
def atanh(z):
    """atanh(z) for |z| <= 1/3; relative error below 1e-8."""
    y = z * z
    p = 0.12206534
    p = p * y + 0.10696625
    p = p * y + 0.14310361
    p = p * y + 0.19999345
    p = p * y + 0.3333334
    return z + z * y * p


@triton.jit
def tanh_near(x):
    """tanh(x) for |x| <= 1/2; relative error below 1e-9."""
    y = x * x
    p = -0.00661343
    p = p * y + 0.02127471
    p = p * y - 0.05389342
    p = p * y + 0.13332902
    p = p * y - 0.33333324
    return x + x * y * p


@triton.jit
def tanh(x):
    """tanh(x); relative error below 1e-7."""
    e = tl.exp(-2.0 * tl.abs(x))
    far = (1.0 - e) / (1.0 + e)
    return tl.where(tl.abs(x) < 0.5, tanh_near(x), tl.where(x < 0.0, -far, far))


@triton.jit
def sin_cos(turn):
    """Sine and cosine of 2 pi turn for |turn| <= 1/2; absolute error below 1e-7."""
    y = turn * turn
    p = -0.00702216
    p = p * y + 0.08204648
    p = p * y - 0.59925133
    p = p * y + 2.55016324
    p = p * y - 5.16771276
    sin = turn * (p * y + 3.14159265)
    p = -0.02429198
    p = p * y + 0.23486806
    p = p * y - 1.33519578
    p = p * y + 4.05870759
    p = p * y - 4.93480208
    cos = p * y + 1.0
    return 2.0 * sin * cos, 1.0 - 2.0 * sin * sin

"""Numbers that every W1 kernel shares."""

import torch

LEVELS = 256  # grey levels 0, ..., 255
EDGES = LEVELS - 1  # inner edges, at k + 1/2, between neighbouring levels
MIN_SCALE = 1e-5  # a Dirac for any location float32 can hold, yet no power of 1/s overflows
LIMIT = 1e15  # of locations and scales; keeps products finite
# Above these scales the cdf is smooth between the edges, and the closed form loses digits.
WIDE = {torch.float32: 3e3, torch.float64: 1e4}
SMOOTH = {torch.float32: 1e3, torch.float64: 1e4}  # of what stands between a wide and a narrow one
DIRECT_EDGES = 4  # edges summed before Euler-Maclaurin takes over
STAIRCASE_EDGES = 6  # edges on either side that make up the offset of a steep logistic
STEEP = 0.33  # below this scale the offset is a sum over edges, above it a Fourier series

"""Numbers that every W1 kernel shares."""

LEVELS = 256  # grey levels 0, ..., 255
EDGES = LEVELS - 1  # inner edges, at k + 1/2, between neighbouring levels
MIN_SCALE = 1e-5  # a Dirac for any location float32 can hold, yet no power of 1/s overflows
LIMIT = 1e6  # far outside the range and the resolution of any image; keeps products finite
DIRECT_EDGES = 4  # edges summed before Euler-Maclaurin takes over
STAIRCASE_EDGES = 6  # edges on either side that make up the offset of a steep logistic
STEEP = 0.33  # below this scale the offset is a sum over edges, above it a Fourier series

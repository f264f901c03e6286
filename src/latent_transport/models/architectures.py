"""The kinds of encoders and decoders, by name. Nothing here imports torch."""

ARCHITECTURES = ("mlp", "conv")
"""Perceptrons, or convolutions that halve the image twice."""

CONVOLUTIONS = 2

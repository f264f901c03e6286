"""Solvers by name, for the config and its schema; without torch."""

SOLVERS: tuple[str, ...] = ("gauss-newton", "stochman")

"""Records of a run: endpoint pairs, curves, codes."""

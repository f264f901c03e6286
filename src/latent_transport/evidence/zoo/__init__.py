"""A zoo of known answers: problems whose geodesic distances are known without our solvers."""

// Dense linear algebra of a few dozen unknowns.

function dot(x, y) {
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}

// Solves A x = b for a symmetric positive definite A (n, n), by Cholesky. What is not positive for
// rounding counts as rigid.
function solveSymmetric(matrix, right) {
  const n = right.length;
  const lower = Float64Array.from(matrix);
  const x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = lower[i * n + j];
      for (let k = 0; k < j; k++) sum -= lower[i * n + k] * lower[j * n + k];
      if (i === j) lower[i * n + i] = sum > 0 ? Math.sqrt(sum) : Infinity;
      else lower[i * n + j] = sum / lower[j * n + j];
    }
    for (let k = 0; k < i; k++) x[i] -= lower[i * n + k] * x[k];
    x[i] /= lower[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= lower[k * n + i] * x[k];
    x[i] /= lower[i * n + i];
  }
  return x;
}

// A direction of descent along -gradient by L-BFGS (Nocedal & Wright 2006, Algorithm 7.4): secants
// of earlier steps correct a first inverse Hessian.
function descend(gradient, secants, solve) {
  let direction = gradient.map((value) => -value);
  const shares = secants.map(() => 0);
  for (let k = secants.length - 1; k >= 0; k--) {
    const { move, turn } = secants[k];
    shares[k] = dot(move, direction) / dot(move, turn);
    direction = direction.map((value, i) => value - shares[k] * turn[i]);
  }
  direction = solve(direction);
  secants.forEach(({ move, turn }, k) => {
    const share = shares[k] - dot(turn, direction) / dot(move, turn);
    direction = direction.map((value, i) => value + share * move[i]);
  });
  return direction;
}

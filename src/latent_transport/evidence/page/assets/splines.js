// Clamped uniform cubic B-splines on [0, 1].

const DEGREE = 3;

function knotsOf(controls) {
  const inner = controls - DEGREE;
  return Array.from({ length: controls + DEGREE + 1 }, (_, i) =>
    Math.min(Math.max((i - DEGREE) / inner, 0), 1),
  );
}

// Values of all basis functions at t, by the recursion of Cox and de Boor.
function basisAt(controls, t) {
  const knots = knotsOf(controls);
  const interval = Math.min(Math.floor(t * (controls - DEGREE)), controls - DEGREE - 1) + DEGREE;
  const values = new Float64Array(controls);
  values[interval] = 1;
  for (let degree = 1; degree <= DEGREE; degree++) {
    for (let i = interval - degree; i <= interval; i++) {
      const [a, b] = [knots[i + degree] - knots[i], knots[i + degree + 1] - knots[i + 1]];
      const next = i < interval ? values[i + 1] : 0;
      values[i] =
        (a ? ((t - knots[i]) / a) * values[i] : 0) +
        (b ? ((knots[i + degree + 1] - t) / b) * next : 0);
    }
  }
  return values;
}

// Rows of basis functions at `count` equally spaced parameters.
function basisRows(controls, count) {
  return Array.from({ length: count }, (_, i) => basisAt(controls, i / (count - 1)));
}

// Control points of the straight line of constant speed: at the Greville abscissae.
function straightControls(start, end, controls) {
  const knots = knotsOf(controls);
  return Array.from({ length: controls }, (_, i) => {
    const share = (knots[i + 1] + knots[i + 2] + knots[i + 3]) / DEGREE;
    return [0, 1].map((axis) => start[axis] + share * (end[axis] - start[axis]));
  });
}

function pointsOn(controls, rows) {
  return rows.map((row) =>
    [0, 1].map((axis) => row.reduce((sum, value, i) => sum + value * controls[i][axis], 0)),
  );
}

// The same curve with twice as many intervals, by least squares, which are exact: its knots are
// among the finer spline's.
function refine(controls) {
  const finer = 2 * controls.length - DEGREE;
  const count = 2 * finer;
  const [coarse, fine] = [controls.length, finer].map((number) => basisRows(number, count));
  const points = pointsOn(controls, coarse);
  const gram = new Float64Array(finer * finer);
  const right = [new Float64Array(finer), new Float64Array(finer)];
  fine.forEach((row, n) => {
    row.forEach((value, i) => {
      row.forEach((other, j) => (gram[i * finer + j] += value * other));
      right.forEach((sums, axis) => (sums[i] += value * points[n][axis]));
    });
  });
  const [x, y] = right.map((sums) => solveSymmetric(gram, sums));
  return Array.from(x, (value, i) => [value, y[i]]);
}

// Geodesics between two points: splines of least energy, by L-BFGS
// on Gauss-Newton's matrices.

const CONTROLS = 8; // of the first splines, the two ends among them
const CORNERS = [13, 25]; // of the polygons that have the energies, coarse before fine
const LEAST_GAIN = 3e-6; // share of the energy whose promise is not worth a step
const ENOUGH = 0.1; // share of a promise that a step has to bring
const SHORTEST = 1e-3; // part of a direction below which none is tried
const MOST_STEPS = 60;
const MEMORY = 10; // secants
const FINE = 65; // corners of what is found

// Half the gradient and the Hessian of the energy by the free control points.
function assemble(segments, rows) {
  const free = rows[0].length - 2;
  const size = 2 * free;
  const gradient = new Float64Array(size);
  const matrix = new Float64Array(size * size);
  const place = (n, i, p) => rows[n + (i >> 1)][p + 1];
  for (let n = 0; n < segments.count; n++) {
    for (let p = 0; p < free; p++) {
      for (let i = 0; i < 4; i++) {
        const weight = place(n, i, p) * segments.count;
        if (!weight) continue;
        const a = 2 * p + (i & 1);
        gradient[a] += weight * segments.slopes[4 * n + i];
        for (let q = 0; q < free; q++) {
          for (let j = 0; j < 4; j++) {
            const b = 2 * q + (j & 1);
            matrix[a * size + b] +=
              weight * place(n, j, q) * segments.matrices[16 * n + 4 * i + j];
          }
        }
      }
    }
  }
  return { gradient, matrix };
}

function move(controls, change) {
  return controls.map((point, i) =>
    i === 0 || i === controls.length - 1
      ? point
      : [point[0] + change[2 * i - 2], point[1] + change[2 * i - 1]],
  );
}

// Control points of least energy, and whether the last step promised next to nothing. `pause`
// lets other work in between steps, and throws to give up.
async function minimize(decoder, geometry, controls, corners, pause) {
  const rows = basisRows(controls.length, corners);
  const evaluate = (some) => {
    const segments = measure(decoder, geometry, pointsOn(some, rows), true);
    return { controls: some, energy: segments.energy, ...assemble(segments, rows) };
  };
  let here = evaluate(controls);
  let secants = [];
  let rate = 1;
  for (let tried = 0; tried < MOST_STEPS; tried++) {
    await pause();
    const { gradient, matrix } = here;
    const direction = descend(gradient, secants, (right) => solveSymmetric(matrix, right));
    const promised = -dot(direction, gradient);
    if (promised <= LEAST_GAIN * here.energy) return { ...here, converged: true };
    const change = direction.map((value) => rate * value);
    const there = evaluate(move(here.controls, change));
    if (there.energy <= here.energy - ENOUGH * rate * promised) {
      const turn = there.gradient.map((value, i) => value - gradient[i]);
      if (dot(change, turn) > 0) secants = [...secants, { move: change, turn }].slice(-MEMORY);
      here = there;
      rate = 1;
    } else {
      rate /= 4;
      if (rate < SHORTEST && secants.length === 0) break;
      if (rate < SHORTEST) [rate, secants] = [1, []];
    }
  }
  return { ...here, converged: false };
}

// A geodesic as a polygon, from the straight line.
async function connect(decoder, geometry, start, end, pause) {
  let found = { controls: straightControls(start, end, CONTROLS) };
  for (const [round, corners] of CORNERS.entries()) {
    const controls = round ? refine(found.controls) : found.controls;
    found = await minimize(decoder, geometry, controls, corners, pause);
  }
  const points = pointsOn(found.controls, basisRows(found.controls.length, FINE));
  return { points, converged: found.converged };
}

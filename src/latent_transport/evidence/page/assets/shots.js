// Geodesics that set out from a point with a velocity: each next point makes the one before it the
// middle of a discrete geodesic (Rumpf & Wirth 2015), as in latent_transport.maps.

const FEWEST_STEPS = 16;
const MOST_SHOT_STEPS = 64;
const PROBE = 1e-3; // part of the velocity along which its momentum is measured
const SOLVED = 1e-4; // share of a segment that Newton's last step is
const STUCK = 1e-3; // and which is enough where the next one would be larger
const UNSOLVED = 1e-2; // and above which a segment is not found
const SHORTEST_SHARE = 1e-2; // part of a step below which none is tried
const NEWTON_STEPS = 20;
const SHOT_ERROR = 3e-3; // of points before they are mended, as a share of the velocity

// Half the slope of the squared speed by the velocity, from short segments to both sides.
function momentumOf(decoder, geometry, start, velocity) {
  const at = (share) => start.map((value, axis) => value + share * velocity[axis]);
  const { slopes } = measure(decoder, geometry, [at(-PROBE), start, at(PROBE)], true);
  return [0, 1].map((axis) => (slopes[2 + axis] - slopes[4 + axis]) / (2 * PROBE));
}

// The end of the segment that leaves a point with a momentum, and its momentum there, by Newton's
// method from a guess. At kinks of the distance, as near as it comes.
function continueSegment(decoder, geometry, from, momentum, guess) {
  const length = Math.hypot(guess[0] - from[0], guess[1] - from[1]);
  let best = { to: guess, size: Infinity, change: [0, 0] };
  let to = guess;
  let share = 1;
  for (let tried = 0; tried < NEWTON_STEPS; tried++) {
    const { slopes, matrices } = measure(decoder, geometry, [from, to], true);
    const missing = [slopes[0] + momentum[0], slopes[1] + momentum[1]];
    const [a, b, c, d] = [2, 3, 6, 7].map((i) => -matrices[i]);
    const change = [d * missing[0] - b * missing[1], a * missing[1] - c * missing[0]].map(
      (value) => value / (a * d - b * c),
    );
    const size = Math.hypot(...change);
    const better = size < best.size;
    if (better) best = { to, size, change, momentum: [slopes[2], slopes[3]] };
    share = better ? 1 : share / 4;
    const enough = better ? SOLVED : STUCK;
    if (best.size <= enough * length || share < SHORTEST_SHARE) break;
    to = best.to.map((value, axis) => value + share * best.change[axis]);
  }
  return best.size <= UNSOLVED * length ? best : null;
}

async function follow(decoder, geometry, start, velocity, steps, pause) {
  let momentum = momentumOf(decoder, geometry, start, velocity).map((value) => value / steps);
  const points = [start];
  let guess = start.map((value, axis) => value + velocity[axis] / steps);
  for (let n = 0; n < steps; n++) {
    await pause();
    const from = points.at(-1);
    const found = continueSegment(decoder, geometry, from, momentum, guess);
    if (!found) return null;
    points.push(found.to);
    momentum = found.momentum;
    guess = from.map((value, axis) => 2 * found.to[axis] - value);
  }
  return points;
}

// What two curves come to, the second of twice the steps, where errors fall with the steps'
// squares: its points and a third of the difference more, which is the error told.
function extrapolate(coarse, fine) {
  const errors = coarse.map((point, n) =>
    point.map((value, axis) => (fine[2 * n][axis] - value) / 3),
  );
  const points = fine.map((point, n) => {
    const [before, after] = [errors[Math.floor(n / 2)], errors[Math.ceil(n / 2)]];
    return point.map((value, axis) => value + (before[axis] + after[axis]) / 2);
  });
  return { points, error: Math.max(...errors.map((change) => Math.hypot(...change))) };
}

// Points at equal times on the geodesic, extrapolated from two numbers of steps, which are doubled
// until they agree. Where the curve is lost, there are no points.
async function shoot(decoder, geometry, start, tip, pause) {
  const velocity = start.map((value, axis) => tip[axis] - value);
  const enough = SHOT_ERROR * Math.hypot(...velocity);
  let found = { points: null, error: Infinity };
  let coarse = await follow(decoder, geometry, start, velocity, FEWEST_STEPS, pause);
  for (let steps = 2 * FEWEST_STEPS; coarse && steps <= MOST_SHOT_STEPS; steps *= 2) {
    const fine = await follow(decoder, geometry, start, velocity, steps, pause);
    if (!fine) break;
    found = extrapolate(coarse, fine);
    if (found.error <= enough) break;
    coarse = fine;
  }
  return { points: found.points, converged: found.error <= enough };
}

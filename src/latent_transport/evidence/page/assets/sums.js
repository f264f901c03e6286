// Sums of logistic cdfs F(k) = sigma((k + 1/2 - m)/s) over grey levels, and their slopes by m and
// s, in closed form: as in latent_transport.kernels.logistic, which has the formulas.

const DIRECT_EDGES = 4;
const NEGLIGIBLE = 30; // of exponents

// The tail T(x, s), the sum of sigma(-(x + 1/2 + j)/s) over j >= 0, x >= -1/2, with its slopes by
// both: some edges as they are, and a midpoint Euler-Maclaurin expansion behind them.
function sumTail(x, scale, out) {
  const inverse = 1 / scale;
  const step = Math.exp(-inverse);
  let e = Math.exp(-(x + 0.5) * inverse);
  let [sum, byX, byScale] = [0, 0, 0];
  for (let j = 0; j < DIRECT_EDGES; j++) {
    const q = e / (1 + e);
    const w = (q / (1 + e)) * inverse;
    sum += q;
    byX -= w;
    byScale += w * (x + 0.5 + j) * inverse;
    e *= step;
  }
  const y = (x + DIRECT_EDGES) * inverse;
  e = Math.exp(-y);
  const q = e / (1 + e);
  const w = q / (1 + e);
  const third = (7 / 240) * inverse * inverse;
  const bend = third * (1 - 6 * w);
  const slope = ((1 - third * (1 - 12 * w)) * w * (1 - 2 * q) * inverse * inverse) / 24;
  const log = Math.log1p(e);
  out[0] = sum + scale * log - ((w * inverse) / 24) * (1 - bend);
  out[1] = byX - q + slope;
  out[2] = byScale + log + q * y - slope * y + ((w * inverse * inverse) / 24) * (1 - 3 * bend);
}

// The offset T(-phase, s) - T(phase, s) of the lattice against its centre, by Poisson's formula.
function sumStaircase(phase, scale, out) {
  let [sum, byPhase, byScale] = [phase, 1, 0];
  const rate = 2 * Math.PI ** 2;
  for (let m = 1; m * rate * scale < NEGLIGIBLE; m++) {
    const x = m * rate * scale;
    const sinh = (m % 2 ? -1 : 1) * Math.sinh(x);
    const angle = 2 * Math.PI * m * phase;
    sum += (2 * Math.PI * scale * Math.sin(angle)) / sinh;
    byPhase += (4 * Math.PI ** 2 * m * scale * Math.cos(angle)) / sinh;
    byScale += (2 * Math.PI * Math.sin(angle) * (1 - x / Math.tanh(x))) / sinh;
  }
  out[0] = sum;
  out[1] = byPhase;
  out[2] = byScale;
}

const tail = new Float64Array(3);
const staircase = new Float64Array(3);

// Sum of the cdf over all levels below an edge, down from it without end, and its slopes.
function sumBelow(edge, loc, scale, out) {
  if (edge <= loc) {
    sumTail(loc - edge, scale, out);
    return;
  }
  const level = Math.round(loc);
  sumTail(edge - loc, scale, tail);
  sumStaircase(loc - level, scale, staircase);
  out[0] = edge - level - staircase[0] + tail[0];
  out[1] = -staircase[1] - tail[1];
  out[2] = -staircase[2] + tail[2];
}

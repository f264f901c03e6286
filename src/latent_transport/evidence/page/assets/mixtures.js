// Geometries of mixtures of logistics, which have no closed form: sums over all edges.

class Mixtures {
  constructor(decoder, decoded, withSlopes) {
    this.decoded = decoded;
    this.withSlopes = withSlopes;
    this.components = decoder.components;
    this.pixels = decoder.pixels;
    this.axes = withSlopes ? [1, 2] : [];
    this.cdfs = new Float64Array((decoded.channels.length / decoded.width) * LAST_EDGE);
    this.slopes = new Float64Array(4);
  }

  // Cdfs (C, 255) at the corners, and their slopes along both axes.
  prepare(number) {
    this.cdfs.fill(0);
    for (let n = 0; n < this.decoded.count; n++) this.sum(number, n);
  }

  sum(number, n) {
    const { count, width, parts, channels } = this.decoded;
    const at = (row, kind, k) =>
      channels[(row * count + n) * width + kind * parts + k * this.pixels + number];
    const all = Array.from({ length: this.components }, (_, k) => k);
    const highest = Math.max(...all.map((k) => at(0, 2, k)));
    const weights = all.map((k) => Math.exp(at(0, 2, k) - highest));
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    const lean = [0, 1, 2].map((row) =>
      row ? all.reduce((sum, k) => sum + (weights[k] / whole) * at(row, 2, k), 0) : 0,
    );
    for (const k of all) {
      const [loc, scale, weight] = [at(0, 0, k), at(0, 1, k), weights[k] / whole];
      for (let edge = 0; edge < LAST_EDGE; edge++) {
        const u = (edge + 0.5 - loc) / scale;
        const share = 1 / (1 + Math.exp(-u));
        this.cdfs[n * LAST_EDGE + edge] += weight * share;
        for (const row of this.axes) {
          const moved = (at(row, 0, k) + u * at(row, 1, k)) / scale;
          this.cdfs[(row * count + n) * LAST_EDGE + edge] +=
            weight * share * (at(row, 2, k) - lean[row] - (1 - share) * moved);
        }
      }
    }
  }

  // Adds the sum over the edges of differences of the cdfs times signs.
  subtract(n, signOf, segments) {
    const { count } = this.decoded;
    let sum = 0;
    this.slopes.fill(0);
    for (let edge = 0; edge < LAST_EDGE; edge++) {
      const at = n * LAST_EDGE + edge;
      const difference = this.cdfs[at + LAST_EDGE] - this.cdfs[at];
      const sign = signOf(difference);
      sum += sign * difference;
      for (const row of this.axes) {
        const slope = at + row * count * LAST_EDGE;
        this.slopes[row - 1] -= sign * this.cdfs[slope];
        this.slopes[row + 1] += sign * this.cdfs[slope + LAST_EDGE];
      }
    }
    segments.add(n, sum, this.slopes);
  }
}

class MixtureWasserstein1 extends Mixtures {
  compare(n, segments) {
    this.subtract(n, Math.sign, segments);
  }
}

// The mean is 255 less the sum of the cdf.
class MixtureEuclidean extends Mixtures {
  compare(n, segments) {
    this.subtract(n, () => -1, segments);
  }
}

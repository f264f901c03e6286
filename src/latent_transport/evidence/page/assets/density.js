// The density of the codes, and the weight that makes ways longer where codes are rare: as in
// latent_transport.AggregatePosterior and latent_transport.Conformal.

const LARGEST_LOG_WEIGHT = 10;

class Density {
  constructor({ means, variances, reference }) {
    this.means = unpack(means);
    this.variances = unpack(variances);
    this.reference = reference;
    const count = this.means.length / 2;
    this.constants = Float64Array.from({ length: count }, (_, i) => {
      const product = this.variances[2 * i] * this.variances[2 * i + 1];
      return -Math.log(2 * Math.PI * count) - Math.log(product) / 2;
    });
    this.logs = new Float64Array(count);
  }

  // Log density at a point, and its slopes along both axes.
  at([x, y]) {
    const { means, variances, logs } = this;
    let highest = -Infinity;
    for (let i = 0; i < logs.length; i++) {
      const [dx, dy] = [x - means[2 * i], y - means[2 * i + 1]];
      const square = (dx * dx) / variances[2 * i] + (dy * dy) / variances[2 * i + 1];
      logs[i] = this.constants[i] - square / 2;
      highest = Math.max(highest, logs[i]);
    }
    let [sum, byX, byY] = [0, 0, 0];
    for (let i = 0; i < logs.length; i++) {
      const share = Math.exp(logs[i] - highest);
      sum += share;
      byX += (share * (means[2 * i] - x)) / variances[2 * i];
      byY += (share * (means[2 * i + 1] - y)) / variances[2 * i + 1];
    }
    return { log: highest + Math.log(sum), slopes: [byX / sum, byY / sum] };
  }

  // Log weights at points, and their slopes. Their size is clamped smoothly.
  weights(points, strength) {
    return points.map((point) => {
      const { log, slopes } = this.at(point);
      const exponent = -strength * (log - this.reference);
      const below = LARGEST_LOG_WEIGHT - softplus(LARGEST_LOG_WEIGHT - exponent);
      const weight = softplus(LARGEST_LOG_WEIGHT + below) - LARGEST_LOG_WEIGHT;
      const damping = [exponent - LARGEST_LOG_WEIGHT, -LARGEST_LOG_WEIGHT - below].reduce(
        (product, u) => product / (1 + Math.exp(u)),
        1,
      );
      return { log: weight, slopes: slopes.map((slope) => -strength * damping * slope) };
    });
  }
}

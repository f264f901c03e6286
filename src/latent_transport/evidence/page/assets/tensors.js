// Geometries of single logistics by the metric tensor, in (location, scale), half-way between the
// two. Tensors are rows mm, ms, ss, and rows of their slopes by location and scale follow.

class LogisticTensor extends Logistics {
  constructor(...parts) {
    super(...parts);
    this.tensor = new Float64Array(9);
  }

  prepare(number) {
    this.read(number);
  }

  compare(n, segments) {
    const t = this.tensor;
    this.measure((this.loc[n] + this.loc[n + 1]) / 2, (this.scale[n] + this.scale[n + 1]) / 2);
    const dloc = this.loc[n + 1] - this.loc[n];
    const dscale = this.scale[n + 1] - this.scale[n];
    const square = (at) =>
      t[at] * dloc * dloc + 2 * t[at + 1] * dloc * dscale + t[at + 2] * dscale * dscale;
    const [byLoc, byScale] = [t[0] * dloc + t[1] * dscale, t[1] * dloc + t[2] * dscale];
    // Either end moves the middle by half; slopes are halves again.
    const [loc, scale] = [square(3) / 4, square(6) / 4];
    const slopes = this.chain(n, loc - byLoc, scale - byScale, loc + byLoc, scale + byScale);
    segments.tilt(n, square(0), slopes);
    const first = Math.sqrt(t[0] + ROUNDING * (t[2] + ROUNDING));
    const mixed = t[1] / first;
    const second = Math.sqrt(Math.max(t[2] - mixed * mixed, 0));
    segments.bend(n, this.chain(n, -first, -mixed, first, mixed));
    segments.bend(n, this.chain(n, 0, -second, 0, second));
  }
}

const ROUNDING = 1e-8; // share of a tensor that may be rounding
const FARTHEST = 25; // in scales from the location: next to no mass lies beyond
const DILOGARITHM = [2, 1 / 2, 1 / 18, 0, -1 / 1800, 0, 1 / 105840, 0, -1 / 5443200];

// Moments 0, 1, 2 of a standard logistic below x, and its density there.
function momentsBelow(x, out) {
  const t = Math.abs(x);
  const e = Math.exp(-t);
  const q = e / (1 + e);
  const log = Math.log1p(e);
  const series = log * DILOGARITHM.reduceRight((sum, factor) => sum * log + factor, 0);
  const second = t * t * q + 2 * t * log + series;
  out[0] = x > 0 ? 1 - q : q;
  out[1] = -t * q - log;
  out[2] = x > 0 ? Math.PI ** 2 / 3 - second : second;
  out[3] = q / (1 + e);
}

// Wasserstein-2 of logistics clipped to the grey scale: moments of what is within it.
class LogisticWasserstein2 extends LogisticTensor {
  constructor(...parts) {
    super(...parts);
    this.ends = [new Float64Array(4), new Float64Array(4)];
  }

  measure(loc, scale) {
    const t = this.tensor.fill(0);
    [0, LAST_EDGE].forEach((edge, end) => {
      const x = (edge - loc) / scale;
      const moments = this.ends[end];
      momentsBelow(x, moments);
      const sign = end ? 1 : -1;
      for (let i = 0, power = 1; i < 3; i++, power *= x) {
        const density = (sign * power * moments[3]) / scale;
        t[i] += sign * moments[i];
        t[i + 3] -= density;
        t[i + 6] -= density * x;
      }
    });
  }
}

// Fisher-Rao: the information of a discretised logistic, as in the module
// latent_transport.distributions.fisher, which has the formulas.
class LogisticFisherRao extends LogisticTensor {
  measure(loc, scale) {
    const t = this.tensor.fill(0);
    const half = 0.5 / scale;
    const reach = FARTHEST * scale;
    const [first, last] = [Math.max(1, Math.ceil(loc - reach)), Math.min(254, loc + reach)];
    const [sinh, cosh] = [Math.sinh(half), Math.cosh(half)];
    const cotangent = cosh / sinh;
    const constant = (half / sinh) ** 2;
    const ratio = Math.exp(1 / scale);
    let e = Math.exp((first - loc) / scale);
    for (let level = first; level <= last; level++, e *= ratio) {
      const u = (level - loc) / scale;
      const even = (e + 1 / e) / 2;
      const bottom = 1 / (even + cosh);
      const p = sinh * bottom;
      const rho = (even - e) * bottom;
      const tau = u * rho + half * (cotangent - p);
      if (!this.withSlopes) {
        this.add(p, rho, tau, 0, 0, 0, 0);
        continue;
      }
      const rhoByLoc = (1 + even * cosh) * bottom * bottom;
      const rhoByScale = u * rhoByLoc + half * p * rho;
      const tauByScale = u * rhoByScale + half * p * tau - tau + constant;
      this.add(p, rho, tau, rhoByLoc, rhoByScale, rhoByScale - rho, tauByScale);
    }
    for (const edge of [0.5, LAST_EDGE - 0.5]) {
      const u = (edge - loc) / scale;
      const q = 1 / (1 + Math.exp(u));
      const rho = edge < 1 ? q : q - 1;
      const slope = q * (1 - q);
      const tau = u * rho;
      const p = edge < 1 ? 1 - q : q;
      this.add(p, rho, tau, slope, u * slope, u * slope - rho, u * u * slope - tau);
    }
    const inverse = 1 / scale;
    for (let i = 0; i < 3; i++) {
      t[i] *= inverse * inverse;
      t[i + 3] *= inverse ** 3;
      t[i + 6] = t[i + 6] * inverse ** 3 - 2 * inverse * t[i];
    }
  }

  // A level of probability p, with its scores and their slopes, times the scale.
  add(p, rho, tau, rhoByLoc, rhoByScale, tauByLoc, tauByScale) {
    const t = this.tensor;
    t[0] += p * rho * rho;
    t[1] += p * rho * tau;
    t[2] += p * tau * tau;
    t[3] += p * rho * (2 * rhoByLoc - rho * rho);
    t[4] += p * (rhoByLoc * tau + rho * tauByLoc - rho * rho * tau);
    t[5] += p * tau * (2 * tauByLoc - rho * tau);
    t[6] += p * rho * (2 * rhoByScale - rho * tau);
    t[7] += p * (rhoByScale * tau + rho * tauByScale - rho * tau * tau);
    t[8] += p * tau * (2 * tauByScale - tau * tau);
  }
}

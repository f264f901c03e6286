// Geometries of one pixel's distributions at the N corners of a polygon.
//
// Each prepares a pixel, and then compares its distributions at corners n and n + 1: it adds
// residuals whose squares sum to the squared distance.

// Locations and scales of single logistics, their slopes along both axes of the plane, and the sums
// of the cdfs over all edges.
class Logistics {
  constructor(decoder, decoded, withSlopes) {
    this.decoded = decoded;
    this.withSlopes = withSlopes;
    this.loc = new Float64Array(decoded.channels.length / decoded.width);
    this.scale = new Float64Array(this.loc.length);
    this.below = new Float64Array(3 * decoded.count); // sums from minus infinity to 0
    this.total = new Float64Array(3 * decoded.count); // from 0 to 255
    this.sums = new Float64Array(3);
    this.row = new Float64Array(4);
  }

  prepare(number) {
    this.read(number);
    for (let n = 0; n < this.decoded.count; n++) {
      const below = this.below.subarray(3 * n, 3 * n + 3);
      sumBelow(0, this.loc[n], this.scale[n], below);
      sumBelow(LAST_EDGE, this.loc[n], this.scale[n], this.sums);
      for (let i = 0; i < 3; i++) this.total[3 * n + i] = this.sums[i] - below[i];
    }
  }

  read(number) {
    const { width, parts, channels } = this.decoded;
    for (let i = 0, at = number; i < this.loc.length; i++, at += width) {
      this.loc[i] = channels[at];
      this.scale[i] = channels[at + parts];
    }
  }

  // Slopes of a residual along the axes, from those by location and scale at both corners.
  chain(n, byLocP, byScaleP, byLocQ, byScaleQ) {
    if (!this.withSlopes) return this.row;
    const { count } = this.decoded;
    for (const axis of [0, 1]) {
      const p = (axis + 1) * count + n;
      this.row[axis] = byLocP * this.loc[p] + byScaleP * this.scale[p];
      this.row[axis + 2] = byLocQ * this.loc[p + 1] + byScaleQ * this.scale[p + 1];
    }
    return this.row;
  }
}

// The mean is 255 less the sum of the cdf.
class LogisticEuclidean extends Logistics {
  compare(n, segments) {
    const [p, q] = [3 * n, 3 * n + 3];
    const total = this.total;
    const row = this.chain(n, -total[p + 1], -total[p + 2], total[q + 1], total[q + 2]);
    segments.add(n, total[q] - total[p], row);
  }
}

// Two cdfs cross once at most; the wider logistic's is above on the left.
class LogisticWasserstein1 extends Logistics {
  constructor(...parts) {
    super(...parts);
    this.ends = [new Float64Array(3), new Float64Array(3)];
  }

  compare(n, segments) {
    const dloc = this.loc[n + 1] - this.loc[n];
    const dscale = this.scale[n + 1] - this.scale[n];
    const crossing = this.loc[n] - (this.scale[n] * dloc) / dscale;
    const edge = Math.ceil(crossing - 0.5);
    const [left, right] = this.ends;
    const total = this.total;
    const within = edge > 0 && edge < LAST_EDGE;
    if (within) {
      // Twice the part on the left, less the whole, with the sign of the left.
      const sign = dscale > 0 ? 1 : -1;
      [left, right].forEach((sums, end) => {
        sumBelow(edge, this.loc[n + end], this.scale[n + end], sums);
        for (let i = 0, at = 3 * (n + end); i < 3; i++, at++) {
          sums[i] = sign * (2 * (sums[i] - this.below[at]) - total[at]);
        }
      });
    } else {
      const sign = total[3 * n + 3] > total[3 * n] ? 1 : -1;
      for (let i = 0; i < 3; i++) {
        left[i] = sign * total[3 * n + i];
        right[i] = sign * total[3 * n + 3 + i];
      }
    }
    const distance = right[0] - left[0];
    segments.add(n, distance, this.chain(n, -left[1], -left[2], right[1], right[2]));
    if (this.withSlopes && within) this.bend(n, dloc, dscale, distance, segments);
  }

  // The distance bends where the crossing moves with the direction.
  bend(n, dloc, dscale, distance, segments) {
    const u = -dloc / dscale;
    const tail = Math.exp(-Math.abs(u));
    const density = tail / (1 + tail) ** 2;
    const root = Math.sqrt((2 * density * Math.max(distance, 0)) / Math.abs(dscale));
    segments.bend(n, this.chain(n, -root, -root * u, root, root * u));
  }
}

// The decoder: a perceptron with SiLU between its layers, whose output are mixtures of logistics.

const LAST_EDGE = 255;

function softplus(u) {
  return Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)));
}

// The mean is the sum of the survival function over the edges 1/2, 3/2, ..., 509/2; this is its
// integral from 0 to 255, right to less than a tenth of a grey level for scales from 1/4.
function meanOfLogistic(loc, scale) {
  return scale * (softplus(loc / scale) - softplus((loc - LAST_EDGE) / scale));
}

class Decoder {
  constructor(packed) {
    this.layers = packed.layers.map(({ weight, bias }) => ({
      weight: Float64Array.from(unpack(weight)),
      bias: Float64Array.from(unpack(bias)),
    }));
    this.components = packed.components;
    this.minScale = packed.minScale;
    const channels = this.layers.at(-1).bias.length;
    this.pixels = channels / (this.components > 1 ? 3 * this.components : 2);
  }

  // Output (C, channels) of the network at N points. Rows are the points; if asked, the slopes
  // along the first axis at the points follow, and those along the second.
  run(points, withSlopes) {
    const count = points.length;
    const rows = withSlopes ? 3 * count : count;
    let values = new Float64Array(2 * rows);
    points.forEach((point, n) => {
      values.set(point, 2 * n);
      if (withSlopes) values[2 * (count + n)] = values[2 * (2 * count + n) + 1] = 1;
    });
    this.layers.forEach((layer, depth) => {
      if (depth) this.activate(values, rows, count);
      values = this.multiply(layer, values, rows, count);
    });
    return values;
  }

  // Four rows by two units at once, whose sums stay in registers; the last are repeated as needed.
  multiply({ weight, bias }, values, rows, count) {
    const units = bias.length;
    const inputs = values.length / rows;
    const output = new Float64Array(rows * units);
    for (let unit = 0; unit < units; unit += 2) {
      const other = Math.min(unit + 1, units - 1);
      const [p, q] = [unit * inputs, other * inputs];
      for (let row = 0; row < rows; row += 4) {
        const tile = [0, 1, 2, 3].map((i) => Math.min(row + i, rows - 1));
        const [a, b, c, d] = tile.map((i) => i * inputs);
        let ap = 0, bp = 0, cp = 0, dp = 0, aq = 0, bq = 0, cq = 0, dq = 0;
        for (let i = 0; i < inputs; i++) {
          const f = weight[p + i];
          const g = weight[q + i];
          const s = values[a + i];
          const t = values[b + i];
          const u = values[c + i];
          const v = values[d + i];
          ap += f * s;
          bp += f * t;
          cp += f * u;
          dp += f * v;
          aq += g * s;
          bq += g * t;
          cq += g * u;
          dq += g * v;
        }
        [ap, bp, cp, dp].forEach((sum, i) => (output[tile[i] * units + unit] = sum));
        [aq, bq, cq, dq].forEach((sum, i) => (output[tile[i] * units + other] = sum));
      }
    }
    for (let i = 0; i < count * units; i++) output[i] += bias[i % units];
    return output;
  }

  activate(values, rows, count) {
    const size = (values.length / rows) * count;
    for (let n = 0; n < size; n++) {
      const u = values[n];
      const share = 1 / (1 + Math.exp(-u));
      values[n] = u * share;
      const slope = share * (1 + u * (1 - share));
      for (let i = n + size; i < values.length; i += size) values[i] *= slope;
    }
  }

  // Parameters at N points: rows (C, channels) as the network's output, of K D locations, scales
  // and, of mixtures, logits; rows of their slopes along both axes follow if asked.
  decode(points, withSlopes = false) {
    const channels = this.run(points, withSlopes);
    const count = points.length;
    const parts = this.components * this.pixels;
    const width = channels.length / (withSlopes ? 3 * count : count);
    const size = count * width;
    for (let begin = 0; begin < size; begin += width) {
      for (let loc = begin; loc < begin + parts; loc++) {
        const scale = loc + parts;
        const spread = Math.exp(Math.min(channels[scale], 8));
        const slope = channels[scale] < 8 ? spread : 0;
        channels[loc] = (LAST_EDGE / 2) * (1 + channels[loc]);
        channels[scale] = this.minScale + spread;
        for (let i = size; i < channels.length; i += size) {
          channels[loc + i] *= LAST_EDGE / 2;
          channels[scale + i] *= slope;
        }
      }
    }
    return { points, count, width, parts, channels };
  }

  // Means of all pixels at N latent points, in grey levels.
  means(points) {
    const { width, parts, channels } = this.decode(points);
    const { components, pixels } = this;
    return points.map((_, n) =>
      Float32Array.from({ length: pixels }, (__, pixel) => {
        let total = 0;
        let weights = 0;
        const begin = n * width + pixel;
        for (let k = begin; k < begin + parts; k += pixels) {
          const weight = components > 1 ? Math.exp(channels[2 * parts + k]) : 1;
          total += weight * meanOfLogistic(channels[k], channels[parts + k]);
          weights += weight;
        }
        return total / weights;
      }),
    );
  }

  mean(point) {
    return this.means([point])[0];
  }
}

// The decoder: a perceptron with SiLU between its layers, and means of discretised logistics.

const LAST_EDGE = 255;

function silu(u) {
  return u / (1 + Math.exp(-u));
}

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
      weight: unpack(weight),
      bias: unpack(bias),
    }));
    this.components = packed.components;
    this.minScale = packed.minScale;
  }

  // Means of all pixels at a latent point, in grey levels.
  mean(point) {
    let values = Float32Array.from(point);
    this.layers.forEach(({ weight, bias }, depth) => {
      const inputs = depth ? values.map(silu) : values;
      values = bias.map((start, row) => {
        let sum = start;
        const offset = row * inputs.length;
        for (let i = 0; i < inputs.length; i++) sum += weight[offset + i] * inputs[i];
        return sum;
      });
    });
    return this.meansOf(values);
  }

  meansOf(channels) {
    const components = this.components;
    const pixels = channels.length / (components > 1 ? 3 * components : 2);
    return Float32Array.from({ length: pixels }, (_, pixel) => {
      let total = 0;
      let weights = 0;
      for (let k = 0; k < components; k++) {
        const channel = (kind) => channels[(kind * components + k) * pixels + pixel];
        const weight = components > 1 ? Math.exp(channel(2)) : 1;
        const loc = (LAST_EDGE / 2) * (1 + channel(0));
        const scale = this.minScale + Math.exp(Math.min(channel(1), 8));
        total += weight * meanOfLogistic(loc, scale);
        weights += weight;
      }
      return total / weights;
    });
  }
}

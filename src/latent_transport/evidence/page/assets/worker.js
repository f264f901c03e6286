// What runs beside the page: solves one geometry's curve after the other, for the newest ends.

const STORED = 33; // points of a curve, at equal steps of its length
const SLOWEST = "fisher-rao"; // which the others do not wait for
const PIXELS = {
  single: {
    wasserstein1: LogisticWasserstein1,
    wasserstein2: LogisticWasserstein2,
    "fisher-rao": LogisticFisherRao,
    euclidean: LogisticEuclidean,
  },
  mixture: { wasserstein1: MixtureWasserstein1, euclidean: MixtureEuclidean },
};

class Solver {
  // Of a plane's data. Its geometries are weighted by the codes' density, to the power of minus
  // the strength.
  constructor({ decoder, density, geometries }) {
    this.decoder = new Decoder(decoder);
    this.density = new Density(density);
    const known = PIXELS[this.decoder.components > 1 ? "mixture" : "single"];
    this.geometries = new Map(geometries.map((name) => [name, { pixel: known[name] }]));
  }

  setStrength(strength) {
    const weights = strength ? (points) => this.density.weights(points, strength) : null;
    this.geometries.forEach((geometry) => Object.assign(geometry, { weights }));
  }

  // A curve from A to B, or shot from A with the velocity B - A.
  find(kind, name, [start, end], pause = async () => {}) {
    const geometry = this.geometries.get(name);
    return { join: connect, shoot }[kind](this.decoder, geometry, start, end, pause);
  }

  // Reports each curve as it is found, at equal steps of its own length, and its own geometry's
  // lengths of it and of the straight line; the other lengths at last. What is lost has no points.
  async solve({ kind, ends, strength }, line, report, pause) {
    this.setStrength(strength);
    const polygons = new Map();
    const straight = pointsBetween(...ends, FINE);
    const names = [...this.geometries.keys()];
    names.sort((a, b) => (a === SLOWEST) - (b === SLOWEST));
    for (const name of names) {
      const geometry = this.geometries.get(name);
      const { points, converged } = await this.find(kind, name, ends, pause);
      const among = { [name]: measure(this.decoder, geometry, straight).length };
      report({ name: line, lengths: among });
      if (points) {
        polygons.set(name, points);
        const segments = measure(this.decoder, geometry, points);
        const lengths = { [name]: segments.length };
        report({ name, converged, points: spread(points, segments, STORED), lengths });
      } else report({ name, converged, points });
    }
    for (const [name, points] of [...polygons, [line, straight]]) {
      await pause();
      const decoded = this.decoder.decode(points);
      const lengths = {};
      this.geometries.forEach((geometry, other) => {
        lengths[other] = compare(this.decoder, geometry, decoded, false).length;
      });
      report({ name, lengths });
    }
  }
}

function listen() {
  let solver = null;
  let line = null;
  let newest = null;
  const cancelled = new Error("cancelled");

  async function work(job) {
    newest = job;
    const check = async () => {
      await new Promise((resolve) => setTimeout(resolve)); // lets newer messages in
      if (job !== newest) throw cancelled;
    };
    try {
      await check();
      await solver.solve(job, line, (path) => postMessage({ number: job.number, path }), check);
      postMessage({ number: job.number, done: true });
    } catch (error) {
      if (error === cancelled) return;
      setTimeout(() => {
        throw error; // where the page hears of it, as it does not of a promise's
      });
    }
  }

  addEventListener("message", ({ data }) => {
    if (data.decoder) {
      newest = null; // what is being solved is of another plane
      solver = new Solver(data);
      line = data.line;
    } else work(data);
  });
}

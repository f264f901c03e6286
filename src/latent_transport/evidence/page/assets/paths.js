// The straight line between the ends, and the geodesics that the worker has found.
class Paths {
  constructor(data) {
    this.geometries = data.geometries;
    this.line = data.line;
    this.words = data.words; // labels of the paths, and the units of their lengths
    this.names = [...data.geometries, data.line];
    this.forget([]);
  }

  // New ends: nothing is known but the line between them.
  forget(ends) {
    this.found = new Map();
    if (ends.length === 2) this.found.set(this.line, { points: ends, converged: true });
  }

  // What is newly known of a path.
  add({ name, lengths, ...path }) {
    const old = this.found.get(name);
    this.found.set(name, { ...old, ...path, lengths: { ...old?.lengths, ...lengths } });
  }

  // Whether there are points to show: not before a path is solved, nor where it is lost.
  has(name) {
    return Boolean(this.found.get(name)?.points);
  }

  curve(name) {
    return this.found.get(name).points;
  }

  at(name, fraction) {
    return pointAt(this.curve(name), fraction);
  }

  length(name, geometry) {
    return this.found.get(name)?.lengths?.[geometry];
  }

  hasConverged(name) {
    return this.found.get(name)?.converged ?? true;
  }
}

// Geodesics between pairs of anchors, and the straight lines between them.
class Paths {
  constructor(data) {
    this.geometries = data.geometries;
    this.line = data.line;
    this.words = data.words; // labels of the paths, and the units of their lengths
    this.names = [...data.geometries, data.line];
    this.pairs = data.pairs;
    this.points = unpackPoints(data.points);
    this.count = data.points.shape[2];
    this.lengths = unpack(data.lengths);
    this.converged = unpack(data.converged);
    this.anchors = unpack(data.anchors.points);
  }

  anchor(number) {
    return [this.anchors[2 * number], this.anchors[2 * number + 1]];
  }

  find(first, second) {
    const [low, high] = [first, second].sort((a, b) => a - b);
    return this.pairs.findIndex(([a, b]) => a === low && b === high);
  }

  // Points of a path from the first to the second anchor, at equal steps of its length.
  curve(name, first, second) {
    if (name === this.line) return [this.anchor(first), this.anchor(second)];
    const row = this.geometries.indexOf(name) * this.pairs.length + this.find(first, second);
    const curve = Array.from({ length: this.count }, (_, i) => {
      const at = 2 * (row * this.count + i);
      return [this.points[at], this.points[at + 1]];
    });
    return first < second ? curve : curve.reverse();
  }

  at(name, first, second, fraction) {
    const curve = this.curve(name, first, second);
    const position = fraction * (curve.length - 1);
    const before = Math.min(Math.floor(position), curve.length - 2);
    return [0, 1].map(
      (axis) =>
        curve[before][axis] +
        (position - before) * (curve[before + 1][axis] - curve[before][axis]),
    );
  }

  length(name, geometry, pair) {
    const row = this.names.indexOf(name) * this.geometries.length;
    return this.lengths[(row + this.geometries.indexOf(geometry)) * this.pairs.length + pair];
  }

  hasConverged(name, pair) {
    return (
      name === this.line ||
      this.converged[this.geometries.indexOf(name) * this.pairs.length + pair] === 1
    );
  }

  // The pair whose first geodesic saves most against the straight line.
  mostCurved() {
    const [name] = this.geometries;
    const share = this.pairs.map(
      (_, pair) => this.length(name, name, pair) / this.length(this.line, name, pair),
    );
    return share.indexOf(Math.min(...share));
  }
}

// Squared lengths of a polygon's segments, and how they change with the segments' ends.

// Sums of squares of residuals r over N segments, with halves of their slopes (N, 4) and of
// Gauss-Newton's Hessians (N, 4, 4) by both coordinates of the first end, then of the second.
class Segments {
  constructor(count) {
    this.count = count;
    this.squares = new Float64Array(count);
    this.slopes = new Float64Array(4 * count);
    this.matrices = new Float64Array(16 * count);
  }

  // A residual of segment n, with its slopes.
  add(n, residual, slopes) {
    this.squares[n] += residual * residual;
    for (let i = 0; i < 4; i++) this.slopes[4 * n + i] += residual * slopes[i];
    this.bend(n, slopes);
  }

  // A square that is no residual's, with half its slopes.
  tilt(n, square, slopes) {
    this.squares[n] += square;
    for (let i = 0; i < 4; i++) this.slopes[4 * n + i] += slopes[i];
  }

  // Curvature along `row`.
  bend(n, row) {
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) this.matrices[16 * n + 4 * i + j] += row[i] * row[j];
    }
  }

  // Multiplies squares by the weights at both ends, of which logarithms and slopes are given.
  weigh(weights) {
    for (let n = 0; n < this.count; n++) {
      const factor = Math.exp(weights[n].log + weights[n + 1].log);
      const turns = [...weights[n].slopes, ...weights[n + 1].slopes];
      const square = this.squares[n];
      const slopes = this.slopes.slice(4 * n, 4 * n + 4);
      for (let i = 0; i < 4; i++) {
        this.slopes[4 * n + i] = factor * (slopes[i] + (square * turns[i]) / 2);
        for (let j = 0; j < 4; j++) {
          const mixed = slopes[i] * turns[j] + turns[i] * slopes[j];
          const at = 16 * n + 4 * i + j;
          const own = (square * turns[i] * turns[j]) / 4;
          this.matrices[at] = factor * (this.matrices[at] + mixed / 2 + own);
        }
      }
      this.squares[n] *= factor;
    }
  }

  get energy() {
    return this.count * this.squares.reduce((sum, square) => sum + square, 0);
  }

  get length() {
    return this.squares.reduce((sum, square) => sum + Math.sqrt(square), 0);
  }
}

// Segments of a polygon whose corners are decoded. A geometry has a `pixel`, the class that
// compares distributions, and may have `weights` of points.
function compare(decoder, { pixel, weights }, decoded, withSlopes) {
  const segments = new Segments(decoded.count - 1);
  const one = new pixel(decoder, decoded, withSlopes);
  for (let number = 0; number < decoder.pixels; number++) {
    one.prepare(number);
    for (let n = 0; n < segments.count; n++) one.compare(n, segments);
  }
  if (weights) segments.weigh(weights(decoded.points));
  return segments;
}

function measure(decoder, geometry, points, withSlopes = false) {
  return compare(decoder, geometry, decoder.decode(points, withSlopes), withSlopes);
}

// The latent plane: volume and codes, and curves over them.

const MARGIN = 0.08;
const OUTLIERS = 0.005; // share of the codes that may be cut off at either end of an axis
const SOME = 60; // codes among which the first ends are chosen
const BENDS = [-0.3, -0.15, 0.15, 0.3]; // heights of arcs, in parts of their chords
const ARC = 13; // points of an arc
const WIDTHS = { euclidean: 5.5 }; // it often lies under Wasserstein-1
const WIDTH = 2.5;
const TIP = 14; // pixels of the handle at the end of an arrow

function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function hexToRgb(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

function blend(stops, share) {
  const position = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const before = Math.min(Math.floor(position), stops.length - 2);
  return stops[before].map((low, i) => low + (position - before) * (stops[before + 1][i] - low));
}

class Plane {
  constructor(box, paths) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.paths = paths;
  }

  show(data) {
    this.volume = { ...data.volume, values: unpack(data.volume).map(Math.log10) };
    this.codes = unpackPoints(data.codes);
    this.range = this.percentiles(this.volume.values, 0.01, 0.99);
    this.setView();
    this.resize();
  }

  percentiles(values, low, high) {
    const sorted = values.slice().sort();
    return [low, high].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  }

  // A square around nearly all codes.
  setView() {
    const bounds = [0, 1].map((axis) => {
      const codes = this.codes.filter((_, i) => i % 2 === axis);
      return this.percentiles(codes, OUTLIERS, 1 - OUTLIERS);
    });
    const side = Math.max(...bounds.map(([low, high]) => high - low)) * (1 + 2 * MARGIN);
    const [left, bottom] = bounds.map(([low, high]) => (low + high - side) / 2);
    this.view = { left, bottom, side };
  }

  // Shares of the box, from its upper left corner, and back.
  toShare([x, y]) {
    const { left, bottom, side } = this.view;
    return [(x - left) / side, 1 - (y - bottom) / side];
  }

  fromShare([across, down]) {
    const { left, bottom, side } = this.view;
    return [left + across * side, bottom + (1 - down) * side];
  }

  fromEvent(event) {
    const frame = this.canvas.getBoundingClientRect();
    const within = (share) => Math.min(Math.max(share, 0), 1);
    return this.fromShare([
      within((event.clientX - frame.left) / frame.width),
      within((event.clientY - frame.top) / frame.height),
    ]);
  }

  code(number) {
    return [this.codes[2 * number], this.codes[2 * number + 1]];
  }

  // Two codes at random.
  drawPair() {
    const count = this.codes.length / 2;
    return [0, 1].map(() => this.code(Math.floor(Math.random() * count)));
  }

  // Two codes, of some, between which the way round about is shorter than the straight one, as far
  // as the volume tells.
  chooseEnds() {
    const count = this.codes.length / 2;
    const some = Array.from({ length: SOME }, (_, i) => this.code(Math.floor((i * count) / SOME)));
    let best = { ends: some.slice(0, 2), saved: 0 };
    some.forEach((a, i) => {
      some.slice(0, i).forEach((b) => {
        const straight = this.costOfArc(a, b, 0);
        const round = Math.min(...BENDS.map((bend) => this.costOfArc(a, b, bend)));
        if (straight - round > best.saved) best = { ends: [a, b], saved: straight - round };
      });
    });
    return best.ends;
  }

  // Length of a parabola between two points where a unit of the plane is as long as the root of
  // the volume says; no number where it leaves the grid.
  costOfArc(a, b, bend) {
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const points = pointsBetween(a, b, ARC).map(([x, y], i) => {
      const t = i / (ARC - 1);
      const aside = 4 * bend * t * (1 - t);
      return [x - aside * dy, y + aside * dx];
    });
    return points.slice(1).reduce((sum, point, i) => {
      const middle = pointAt([points[i], point], 0.5);
      const [u, v] = [point[0] - points[i][0], point[1] - points[i][1]];
      return sum + Math.hypot(u, v) * Math.sqrt(this.volumeAt(middle) ?? NaN);
    }, 0);
  }

  // The volume density at a point, bilinear in its logarithm; nothing beyond the grid.
  volumeAt(point) {
    const [rows, columns] = this.volume.shape;
    const at = [this.volume.x, this.volume.y].map(
      ([low, high], axis) =>
        ((point[axis] - low) / (high - low)) * ((axis ? rows : columns) - 1),
    );
    if (at[0] < 0 || at[1] < 0 || at[0] > columns - 1 || at[1] > rows - 1) return null;
    const column = Math.min(Math.floor(at[0]), columns - 2);
    const row = Math.min(Math.floor(at[1]), rows - 2);
    const value = (i, j) => this.volume.values[(row + j) * columns + column + i];
    const [u, v] = [at[0] - column, at[1] - row];
    const low = (1 - u) * value(0, 0) + u * value(1, 0);
    const high = (1 - u) * value(0, 1) + u * value(1, 1);
    return 10 ** ((1 - v) * low + v * high);
  }

  drawVolume() {
    const [rows, columns] = this.volume.shape;
    const stops = [0, 1, 2, 3, 4].map((i) => hexToRgb(cssColour(`--volume-${i}`)));
    const [low, high] = this.range;
    const image = new ImageData(columns, rows);
    this.volume.values.forEach((value, i) => {
      const [row, column] = [rows - 1 - Math.floor(i / columns), i % columns];
      const colour = blend(stops, (value - low) / (high - low || 1));
      image.data.set([...colour, 255], 4 * (row * columns + column));
    });
    const cells = new OffscreenCanvas(columns, rows);
    cells.getContext("2d").putImageData(image, 0, 0);
    return cells;
  }

  // What stays as it is while the pointer moves.
  drawGround(size) {
    const ground = new OffscreenCanvas(size, size);
    const pen = ground.getContext("2d");
    const [rows, columns] = this.volume.shape;
    const halfX = (this.volume.x[1] - this.volume.x[0]) / (columns - 1) / 2;
    const halfY = (this.volume.y[1] - this.volume.y[0]) / (rows - 1) / 2;
    const [left, top] = this.toShare([this.volume.x[0] - halfX, this.volume.y[1] + halfY]);
    const [right, bottom] = this.toShare([this.volume.x[1] + halfX, this.volume.y[0] - halfY]);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(
      this.drawVolume(),
      ...[left, top, right - left, bottom - top].map((share) => share * size),
    );
    pen.fillStyle = cssColour("--codes");
    const radius = size / 620;
    for (let i = 0; i < this.codes.length; i += 2) {
      const [across, down] = this.toShare([this.codes[i], this.codes[i + 1]]);
      pen.beginPath();
      pen.arc(across * size, down * size, radius, 0, 2 * Math.PI);
      pen.fill();
    }
    return ground;
  }

  resize() {
    const size = Math.round(this.canvas.clientWidth * window.devicePixelRatio);
    this.canvas.width = this.canvas.height = size;
    this.ground = this.drawGround(size);
  }

  draw({ ends, shown, kind, probe, fraction }) {
    const pen = this.canvas.getContext("2d");
    const size = this.canvas.width;
    const scale = window.devicePixelRatio;
    pen.clearRect(0, 0, size, size);
    pen.drawImage(this.ground, 0, 0);
    if (ends.length === 2) {
      const drawn = this.paths.names.filter((name) => shown.has(name) && this.paths.has(name));
      drawn.reverse();
      drawn.forEach((name) => this.drawCurve(pen, name, scale, true));
      drawn.forEach((name) => this.drawCurve(pen, name, scale, false));
      if (kind === "shoot") this.drawArrow(pen, ends, scale);
      if (fraction !== null) {
        drawn.forEach((name) => {
          this.drawDot(pen, this.paths.at(name, fraction), cssColour(`--${name}`), scale);
        });
      }
    }
    if (probe && fraction === null) this.drawCross(pen, probe, scale);
  }

  drawCurve(pen, name, scale, casing) {
    const size = this.canvas.width;
    pen.lineJoin = "round";
    pen.setLineDash(name === this.paths.line ? [5 * scale, 5 * scale] : []);
    const curve = new Path2D();
    this.paths.curve(name).forEach((point) => {
      const [across, down] = this.toShare(point);
      curve.lineTo(across * size, down * size);
    });
    pen.strokeStyle = cssColour(casing ? "--casing" : `--${name}`);
    pen.lineWidth = ((WIDTHS[name] ?? WIDTH) + 2.5 * casing) * scale;
    pen.stroke(curve);
    pen.setLineDash([]);
  }

  // The velocity, up to the handle at its tip.
  drawArrow(pen, ends, scale) {
    const [[x, y], [u, v]] = ends.map((end) => this.toShare(end).map((s) => s * this.canvas.width));
    const length = Math.hypot(u - x, v - y);
    const reach = length - TIP * scale;
    if (reach <= 0) return;
    const [a, b] = [(u - x) / length, (v - y) / length];
    const head = 9 * scale;
    const [p, q] = [x + reach * a, y + reach * b];
    const arrow = new Path2D();
    arrow.moveTo(x, y);
    arrow.lineTo(p, q);
    for (const side of [-1, 1]) {
      arrow.moveTo(p - head * (a + (side * b) / 2), q - head * (b - (side * a) / 2));
      arrow.lineTo(p, q);
    }
    for (const [colour, width] of [["--casing", 5], ["--ink", 2.5]]) {
      pen.strokeStyle = cssColour(colour);
      pen.lineWidth = width * scale;
      pen.stroke(arrow);
    }
  }

  drawDot(pen, point, colour, scale) {
    const [x, y] = this.toShare(point).map((share) => share * this.canvas.width);
    pen.beginPath();
    pen.arc(x, y, 5 * scale, 0, 2 * Math.PI);
    pen.fillStyle = colour;
    pen.strokeStyle = cssColour("--casing");
    pen.lineWidth = 2 * scale;
    pen.fill();
    pen.stroke();
  }

  drawCross(pen, point, scale) {
    const [x, y] = this.toShare(point).map((share) => share * this.canvas.width);
    const cross = new Path2D();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      cross.moveTo(x + 4 * dx * scale, y + 4 * dy * scale);
      cross.lineTo(x + 11 * dx * scale, y + 11 * dy * scale);
    }
    pen.strokeStyle = cssColour("--casing");
    pen.lineWidth = 4 * scale;
    pen.stroke(cross);
    pen.strokeStyle = cssColour("--ink");
    pen.lineWidth = 1.5 * scale;
    pen.stroke(cross);
  }
}

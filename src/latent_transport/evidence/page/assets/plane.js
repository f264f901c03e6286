// The latent plane: volume and codes, curves over them, and a button for each anchor.

const MARGIN = 0.06;
const OUTLIERS = 0.005; // share of the codes that may be cut off at either end of an axis
const WIDTHS = { euclidean: 5.5 }; // it often lies under Wasserstein-1
const WIDTH = 2.5;

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
  constructor(box, data, paths) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.paths = paths;
    this.volume = { ...data.volume, values: unpack(data.volume).map(Math.log10) };
    this.codes = unpackPoints(data.codes);
    this.range = this.percentiles(this.volume.values, 0.01, 0.99);
    this.setView();
    this.buttons = data.anchors.indices.map((index, number) => this.addAnchor(number, index));
  }

  percentiles(values, low, high) {
    const sorted = values.slice().sort();
    return [low, high].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  }

  // A square around nearly all codes and every curve.
  setView() {
    const bounds = [0, 1].map((axis) => {
      const codes = this.codes.filter((_, i) => i % 2 === axis);
      let [low, high] = this.percentiles(codes, OUTLIERS, 1 - OUTLIERS);
      for (let i = axis; i < this.paths.points.length; i += 2) {
        low = Math.min(low, this.paths.points[i]);
        high = Math.max(high, this.paths.points[i]);
      }
      return [low, high];
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
    return this.fromShare([
      (event.clientX - frame.left) / frame.width,
      (event.clientY - frame.top) / frame.height,
    ]);
  }

  addAnchor(number, index) {
    const button = document.createElement("button");
    const [across, down] = this.toShare(this.paths.anchor(number));
    button.className = "anchor";
    button.type = "button";
    button.dataset.anchor = number;
    button.style.left = `${100 * across}%`;
    button.style.top = `${100 * down}%`;
    button.setAttribute("aria-label", `Test image ${index}`);
    this.box.append(button);
    return button;
  }

  nearestAnchor([x, y]) {
    const squares = this.buttons.map((_, number) => {
      const [a, b] = this.paths.anchor(number);
      return (a - x) ** 2 + (b - y) ** 2;
    });
    return squares.indexOf(Math.min(...squares));
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

  draw({ ends, shown, probe, fraction }) {
    const pen = this.canvas.getContext("2d");
    const size = this.canvas.width;
    const scale = window.devicePixelRatio;
    pen.clearRect(0, 0, size, size);
    pen.drawImage(this.ground, 0, 0);
    if (ends.length === 2) {
      const drawn = this.paths.names.filter((name) => shown.has(name)).reverse();
      drawn.forEach((name) => this.drawCurve(pen, name, ends, scale, true));
      drawn.forEach((name) => this.drawCurve(pen, name, ends, scale, false));
      if (fraction !== null) {
        drawn.forEach((name) => {
          const point = this.paths.at(name, ...ends, fraction);
          this.drawDot(pen, point, cssColour(`--${name}`), scale);
        });
      }
    }
    if (probe && fraction === null) this.drawCross(pen, probe, scale);
    const near = probe && fraction === null ? this.nearestAnchor(probe) : -1;
    this.buttons.forEach((button, number) => {
      const place = ends.indexOf(number);
      button.textContent = place < 0 ? "" : "AB"[place];
      button.setAttribute("aria-pressed", String(place >= 0));
      button.classList.toggle("near", number === near);
    });
  }

  drawCurve(pen, name, ends, scale, casing) {
    const size = this.canvas.width;
    pen.lineJoin = "round";
    pen.setLineDash(name === this.paths.line ? [5 * scale, 5 * scale] : []);
    const curve = new Path2D();
    this.paths.curve(name, ...ends).forEach((point) => {
      const [across, down] = this.toShare(point);
      curve.lineTo(across * size, down * size);
    });
    pen.strokeStyle = cssColour(casing ? "--casing" : `--${name}`);
    pen.lineWidth = ((WIDTHS[name] ?? WIDTH) + 2.5 * casing) * scale;
    pen.stroke(curve);
    pen.setLineDash([]);
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

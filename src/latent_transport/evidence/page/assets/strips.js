// Images along the paths: a row a path, a tile a step.

const STEPS = 9;

// Ink on the tile's own ground, so that the image follows the colour scheme.
function drawImage(canvas, levels) {
  const ink = hexToRgb(cssColour("--ink"));
  const side = Math.sqrt(levels.length);
  const image = new ImageData(side, side);
  levels.forEach((level, i) => image.data.set([...ink, level], 4 * i));
  canvas.width = canvas.height = side;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

class Strips {
  constructor(box, paths, onStep) {
    this.paths = paths;
    this.forget();
    this.rows = new Map(paths.names.map((name) => [name, this.addRow(box, name, onStep)]));
  }

  show(decoder) {
    this.decoder = decoder;
    this.forget();
  }

  addRow(box, name, onStep) {
    const row = document.createElement("div");
    row.className = "strip";
    row.dataset.path = name;
    const title = document.createElement("span");
    title.className = "name";
    title.textContent = this.paths.words[name].label;
    title.style.setProperty("--colour", `var(--${name})`);
    const tiles = Array.from({ length: STEPS }, (_, step) => {
      const tile = document.createElement("canvas");
      const fraction = (step + 1) / (STEPS + 1);
      tile.className = "tile";
      tile.setAttribute("role", "img");
      tile.setAttribute("aria-label", `${Math.round(100 * fraction)} % of the way`);
      tile.addEventListener("pointerenter", () => onStep(name, fraction));
      return tile;
    });
    row.append(title, ...tiles);
    box.append(row);
    return { row, tiles };
  }

  // A path that is not solved yet keeps its old images, pale.
  draw({ ends, shown, fraction }) {
    this.rows.forEach(({ row, tiles }, name) => {
      row.hidden = !shown.has(name) || ends.length < 2;
      const known = this.paths.has(name);
      row.classList.toggle("pending", !known);
      if (row.hidden || !known) return;
      const curve = this.paths.curve(name);
      if (this.drawn.get(name) === curve) return;
      this.drawn.set(name, curve);
      const points = tiles.map((_, step) => this.paths.at(name, (step + 1) / (STEPS + 1)));
      const images = this.decoder.means(points);
      tiles.forEach((tile, step) => drawImage(tile, images[step]));
    });
    this.mark(fraction);
  }

  // Draw every image anew, such as in other colours.
  forget() {
    this.drawn = new Map();
  }

  // Frame the tiles nearest to a fraction of the paths.
  mark(fraction) {
    this.rows.forEach(({ tiles }) => {
      tiles.forEach((tile, step) => {
        const near = fraction !== null && Math.abs(fraction * (STEPS + 1) - step - 1) < 0.5;
        tile.classList.toggle("marked", near);
      });
    });
  }
}

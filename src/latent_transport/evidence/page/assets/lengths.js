// The table of lengths: a row a path, a column a geometry that measures it.

function formatLength(length) {
  return length >= 100 ? Math.round(length).toLocaleString("en") : length.toPrecision(3);
}

function formatChange(ratio) {
  const percent = 100 * (ratio - 1);
  const sign = percent < 0 ? "−" : "+";
  return `${sign}${Math.abs(percent).toFixed(1)}\u00a0%`;
}

class Lengths {
  constructor(table, paths) {
    this.paths = paths;
    this.head = table.createTHead();
    this.body = table.createTBody();
    const row = this.head.insertRow();
    row.append(document.createElement("td"), ...paths.geometries.map((name) => this.title(name)));
  }

  title(name) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = this.paths.words[name].label;
    const unit = document.createElement("small");
    unit.textContent = this.paths.words[name].unit;
    cell.append(unit);
    return cell;
  }

  draw({ ends, shown }) {
    this.body.replaceChildren();
    if (ends.length < 2) return;
    const pair = this.paths.find(...ends);
    for (const name of this.paths.names.filter((path) => shown.has(path))) {
      const row = this.body.insertRow();
      row.dataset.path = name;
      const title = document.createElement("th");
      title.scope = "row";
      title.className = "name";
      title.style.setProperty("--colour", `var(--${name})`);
      const { label } = this.paths.words[name];
      title.textContent = label + (this.paths.hasConverged(name, pair) ? "" : " *");
      row.append(title);
      for (const geometry of this.paths.geometries) {
        const length = this.paths.length(name, geometry, pair);
        const line = this.paths.length(this.paths.line, geometry, pair);
        const cell = row.insertCell();
        cell.textContent = formatLength(length);
        cell.classList.toggle("own", name === geometry);
        if (name === this.paths.line) continue;
        const change = document.createElement("small");
        change.textContent = formatChange(length / line);
        cell.append(change);
      }
    }
  }
}

// The table of lengths: a row a path, a column a geometry that measures it.

class Lengths {
  constructor(table, paths) {
    this.paths = paths;
    this.head = table.createTHead();
    this.body = table.createTBody();
    const row = this.head.insertRow();
    row.append(document.createElement("td"), ...paths.geometries.map((name) => this.title(name)));
    this.units = row.querySelectorAll("small");
  }

  title(name) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = this.paths.words[name].label;
    cell.append(document.createElement("small"));
    return cell;
  }

  draw({ ends, shown, kind, strength }) {
    this.units.forEach((place, number) => {
      const { unit } = this.paths.words[this.paths.geometries[number]];
      place.textContent = strength ? "weighted" : unit;
    });
    this.body.replaceChildren();
    if (ends.length < 2) return;
    for (const name of this.paths.names.filter((path) => shown.has(path))) {
      const row = this.body.insertRow();
      row.dataset.path = name;
      const title = document.createElement("th");
      title.scope = "row";
      title.className = "name";
      title.style.setProperty("--colour", `var(--${name})`);
      title.textContent =
        this.paths.words[name].label + (this.paths.hasConverged(name) ? "" : " *");
      row.append(title);
      for (const geometry of this.paths.geometries) {
        const length = this.paths.length(name, geometry);
        const line = this.paths.length(this.paths.line, geometry);
        const cell = row.insertCell();
        cell.textContent = length === undefined ? "…" : formatLength(length);
        cell.classList.toggle("own", name === geometry);
        // Curves that are shot end elsewhere than the line does.
        if (name === this.paths.line || kind === "shoot" || !(length && line)) continue;
        const change = document.createElement("small");
        change.textContent = formatChange(length / line);
        cell.append(change);
      }
    }
  }
}

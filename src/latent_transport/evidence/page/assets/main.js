// The page's state, and what pointer and keys do to it.

const byId = (id) => document.getElementById(id);
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function setScheme(dark) {
  document.documentElement.dataset.scheme = dark ? "dark" : "light";
}

function start() {
  const data = JSON.parse(byId("data").textContent);
  const decoder = new Decoder(data.decoder);
  const paths = new Paths(data);
  const plane = new Plane(byId("plane"), data, paths);
  const images = unpack(data.anchors.images);
  const pixels = data.side ** 2;
  const state = {
    ends: [...paths.pairs[paths.mostCurved()]],
    shown: new Set(paths.names),
    probe: null,
    fraction: null,
  };
  const strips = new Strips(byId("strips"), decoder, paths, data.side, follow);
  const lengths = new Lengths(byId("lengths"), paths);

  function drawPlane() {
    plane.draw(state);
    strips.mark(state.fraction);
  }

  function drawPaths() {
    byId("paths").classList.toggle("waiting", state.ends.length < 2);
    strips.draw(state);
    lengths.draw(state);
    ["A", "B"].forEach((letter, place) => {
      const number = state.ends[place];
      const known = number !== undefined;
      byId(`end-${letter}`).hidden = !known;
      if (!known) return;
      const image = images.subarray(number * pixels, (number + 1) * pixels);
      drawImage(byId(`image-${letter}`), image, data.side);
      byId(`index-${letter}`).textContent = `no. ${data.anchors.indices[number]}`;
    });
    byId("status").textContent = describe();
    drawPlane();
  }

  function describe() {
    const [first, second] = state.ends.map((number) => data.anchors.indices[number]);
    if (state.ends.length === 0) return "Choose a first point in the plane.";
    if (state.ends.length === 1) return `From test image ${first}: choose a second point.`;
    const stuck = paths.names.some((name) => !paths.hasConverged(name, paths.find(...state.ends)));
    return (
      `From test image ${first} (A) to test image ${second} (B).` +
      (stuck ? " * The solver did not converge: the path may be longer than the shortest." : "")
    );
  }

  function look(point, words) {
    drawImage(byId("preview"), decoder.mean(point), data.side);
    const [x, y] = point.map((value) => value.toFixed(2).replace("-", "−"));
    byId("where").textContent = words;
    byId("position").textContent = `(${x}, ${y})`;
    const volume = plane.volumeAt(point);
    byId("volume").textContent = volume === null ? "–" : formatPower(volume);
  }

  function formatPower(value) {
    const exponent = Math.floor(Math.log10(value));
    const raised = [...String(exponent)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻").join("");
    return `${(value / 10 ** exponent).toFixed(1)} × 10${raised}`;
  }

  function probe(point) {
    Object.assign(state, { probe: point, fraction: null });
    look(point, "Decoded under the pointer");
    drawPlane();
  }

  // Show where on every path a fraction of its length is reached, and the image on one of them.
  function follow(name, fraction) {
    if (state.ends.length < 2) return;
    state.fraction = fraction;
    byId("travel").value = fraction;
    const share = `${Math.round(100 * fraction)} % of the way`;
    look(paths.at(name, ...state.ends, fraction), `${paths.words[name].label}, ${share}`);
    drawPlane();
  }

  function choose(number) {
    if (state.ends.length === 2) state.ends = [number];
    else if (!state.ends.includes(number)) state.ends.push(number);
    state.fraction = null;
    drawPaths();
  }

  function steer(event) {
    const step = plane.view.side * (event.shiftKey ? 0.005 : 0.025);
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
      event.key
    ];
    if (event.key === "Escape") {
      Object.assign(state, { ends: [], fraction: null });
      drawPaths();
    } else if (move) {
      event.preventDefault();
      const { left, bottom, side } = plane.view;
      const from = state.probe ?? [left + side / 2, bottom + side / 2];
      const clamp = (value, low) => Math.min(Math.max(value, low), low + side);
      probe([clamp(from[0] + step * move[0], left), clamp(from[1] + step * move[1], bottom)]);
    } else if (event.target === plane.canvas && ["Enter", " "].includes(event.key)) {
      event.preventDefault();
      if (state.probe) choose(plane.nearestAnchor(state.probe));
    }
  }

  function addSwitch(name) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    const title = document.createElement("span");
    box.type = "checkbox";
    box.checked = true;
    box.value = name;
    box.addEventListener("change", () => {
      if (box.checked) state.shown.add(name);
      else state.shown.delete(name);
      drawPaths();
    });
    title.className = "name";
    title.style.setProperty("--colour", `var(--${name})`);
    title.textContent = paths.words[name].label;
    label.append(box, title);
    byId("switches").append(label);
  }

  function redraw() {
    plane.resize();
    drawPaths();
    look(state.probe ?? paths.anchor(0), byId("where").textContent);
  }

  paths.names.forEach(addSwitch);
  plane.box.addEventListener("pointermove", (event) => probe(plane.fromEvent(event)));
  plane.box.addEventListener("keydown", steer);
  plane.box.addEventListener("click", (event) => {
    const { anchor } = event.target.dataset;
    choose(anchor === undefined ? plane.nearestAnchor(plane.fromEvent(event)) : Number(anchor));
  });
  plane.buttons.forEach((button, number) => {
    button.addEventListener("focus", () => {
      if (button.matches(":focus-visible")) probe(paths.anchor(number));
    });
  });
  byId("travel").addEventListener("input", (event) => {
    const shown = paths.names.find((name) => state.shown.has(name));
    if (shown) follow(shown, Number(event.target.value));
  });
  byId("another").addEventListener("click", () => {
    Object.assign(state, {
      ends: [...paths.pairs[Math.floor(Math.random() * paths.pairs.length)]],
      fraction: null,
    });
    drawPaths();
  });
  byId("scheme").addEventListener("click", () => {
    setScheme(document.documentElement.dataset.scheme === "light");
    redraw();
  });
  prefersDark.addEventListener("change", () => {
    setScheme(prefersDark.matches);
    redraw();
  });
  new ResizeObserver(redraw).observe(plane.canvas);
  [byId("low"), byId("high")].forEach((place, i) => {
    place.textContent = formatPower(10 ** plane.range[i]);
  });
  look(paths.at(paths.names[0], ...state.ends, 0.5), "Half-way on the first path");
}

setScheme(prefersDark.matches);
start();

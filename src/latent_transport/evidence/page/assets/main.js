// The page's state, and what pointer and keys do to it.

const byId = (id) => document.getElementById(id);
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
// What the two ends are called.
const NAMES = {
  join: [
    { letter: "A", label: "End A" },
    { letter: "B", label: "End B" },
  ],
  shoot: [
    { letter: "A", label: "Start A" },
    { letter: "v", label: "Tip of velocity v" },
  ],
};
// What is said of curves that are not solved to the end.
const UNSOLVED_WORDS = {
  join: "Not solved to the end: another way may be shorter.",
  shoot: "Followed in part or roughly alone: it comes to where pictures hardly change.",
};

function setScheme(dark) {
  document.documentElement.dataset.scheme = dark ? "dark" : "light";
}

function start() {
  const data = JSON.parse(byId("data").textContent);
  const decoder = new Decoder(data.decoder);
  const paths = new Paths(data);
  const plane = new Plane(byId("plane"), data, paths);
  const state = {
    kind: "join",
    strength: 0,
    ends: [],
    shown: new Set(paths.names),
    probe: null,
    fraction: null,
    solving: false,
    failed: false,
  };
  const strips = new Strips(byId("strips"), decoder, paths, data.side, follow);
  const lengths = new Lengths(byId("lengths"), paths);
  const ends = new Ends(plane, change);
  const solving = new Solving(data, byId("numerics").textContent, {
    onPath(path) {
      paths.add(path);
      drawPaths();
    },
    onDone() {
      state.solving = false;
      drawPaths();
    },
    onError() {
      Object.assign(state, { solving: false, failed: true });
      drawPaths();
    },
  });

  function change(points, moved) {
    Object.assign(state, { ends: points, fraction: null, probe: null });
    paths.forget(points);
    state.solving = points.length === 2 && !state.failed;
    if (state.solving) solving.start({ kind: state.kind, ends: points, strength: state.strength });
    else solving.cancel();
    if (points[moved]) look(points[moved], NAMES[state.kind][moved].label);
    drawPaths();
  }

  function drawPlane() {
    plane.draw(state);
    ends.draw(NAMES[state.kind]);
    strips.mark(state.fraction);
  }

  function drawPaths() {
    byId("paths").classList.toggle("waiting", state.ends.length < 2);
    byId("paths").setAttribute("aria-busy", String(state.solving));
    strips.draw(state);
    lengths.draw(state);
    ["A", "B"].forEach((letter, place) => {
      const point = state.ends[place];
      byId(`end-${letter}`).hidden = !point;
      if (!point) return;
      drawImage(byId(`image-${letter}`), decoder.mean(point), data.side);
      const { label } = NAMES[state.kind][place];
      byId(`image-${letter}`).setAttribute("aria-label", `${label}, decoded`);
      byId(`name-${letter}`).textContent = NAMES[state.kind][place].letter;
      byId(`at-${letter}`).textContent = formatPoint(point);
    });
    const status = describe();
    // Said once, however often it is drawn.
    if (byId("status").textContent !== status) byId("status").textContent = status;
    byId("status").classList.toggle("solving", state.solving);
    drawPlane();
  }

  function describe() {
    const [from, to] = state.ends;
    if (!from) return "Choose a first point in the plane.";
    if (!to) return `From A ${formatPoint(from)}: choose a second point.`;
    if (state.failed) return "The worker that solves the geodesics does not run in this browser.";
    const [name] = paths.geometries;
    const { label, unit } = paths.words[name];
    if (state.solving && !paths.found.has(name)) return "Solving the geodesics…";
    const stuck = paths.names.some((path) => !paths.hasConverged(path));
    const doubt = stuck ? ` * ${UNSOLVED_WORDS[state.kind]}` : "";
    const more = state.solving ? " Solving the others…" : doubt;
    if (!paths.has(name)) return `The ${label} geodesic from A was lost.${more}`;
    const length = paths.length(name, name);
    const size = `${formatLength(length)} ${weighted(unit)}`;
    if (state.kind === "shoot") {
      return `${label} geodesic shot from A ${formatPoint(from)}: ${size} long.${more}`;
    }
    const saved = 100 * (1 - length / paths.length(paths.line, name));
    return (
      `${label} geodesic from A ${formatPoint(from)} to B ${formatPoint(to)}: ${size}, ` +
      `${Math.max(saved || 0, 0).toFixed(1)} % shorter than the straight line.${more}`
    );
  }

  function weighted(unit) {
    return state.strength ? `weighted ${unit}` : unit;
  }

  function look(point, words) {
    drawImage(byId("preview"), decoder.mean(point), data.side);
    byId("preview").setAttribute("aria-label", `Image decoded at ${formatPoint(point)}`);
    byId("where").textContent = words;
    byId("position").textContent = formatPoint(point);
    const volume = plane.volumeAt(point);
    byId("volume").textContent = volume === null ? "–" : formatPower(volume);
  }

  function probe(point) {
    Object.assign(state, { probe: point, fraction: null });
    look(point, "Decoded under the pointer");
    drawPlane();
  }

  // Show where on every path a fraction of its length is reached, and the image on one of them.
  function follow(name, fraction) {
    if (!paths.has(name)) return;
    state.fraction = fraction;
    byId("travel").value = fraction;
    const share = `${Math.round(100 * fraction)} % of the way`;
    look(paths.at(name, fraction), `${paths.words[name].label}, ${share}`);
    byId("travel").setAttribute("aria-valuetext", share);
    drawPlane();
  }

  function press(event) {
    if (event.key === "Escape") ends.set([]);
    if (event.target !== plane.canvas) return;
    const from = state.probe ?? state.ends.at(-1) ?? plane.fromShare([0.5, 0.5]);
    const point = steer(event, from, plane.view);
    if (point) probe(point);
    else if (["Enter", " "].includes(event.key)) {
      event.preventDefault();
      ends.choose(from);
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

  function setKind(kind) {
    state.kind = kind;
    document.documentElement.dataset.kind = kind;
    ends.set(state.ends);
  }

  function setStrength(strength) {
    state.strength = strength;
    const words = strength ? `β = ${strength.toFixed(1)}` : "not at all";
    byId("strength-value").textContent = words;
    byId("strength").setAttribute("aria-valuetext", words);
    ends.set(state.ends);
  }

  function redraw() {
    plane.resize();
    strips.forget();
    drawPaths();
    look(state.probe ?? state.ends[0] ?? plane.fromShare([0.5, 0.5]), byId("where").textContent);
  }

  paths.names.forEach(addSwitch);
  plane.box.addEventListener("pointermove", (event) => {
    if (!event.buttons) probe(plane.fromEvent(event));
  });
  plane.box.addEventListener("keydown", press);
  document.querySelectorAll("input[name=kind]").forEach((input) => {
    input.addEventListener("change", () => setKind(input.value));
  });
  byId("strength").addEventListener("input", (event) => setStrength(Number(event.target.value)));
  byId("travel").addEventListener("input", (event) => {
    const shown = paths.names.find((name) => state.shown.has(name) && paths.has(name));
    if (shown) follow(shown, Number(event.target.value));
  });
  byId("another").addEventListener("click", () => ends.set(plane.drawPair()));
  byId("scheme").addEventListener("click", () => {
    setScheme(document.documentElement.dataset.scheme === "light");
    redraw();
  });
  prefersDark.addEventListener("change", () => {
    setScheme(prefersDark.matches);
    redraw();
  });
  [byId("low"), byId("high")].forEach((place, i) => {
    place.textContent = formatPower(10 ** plane.range[i]);
  });
  plane.resize();
  // Browsers remember how controls were left.
  setKind(document.querySelector("input[name=kind]:checked").value);
  setStrength(Number(byId("strength").value));
  ends.set(plane.chooseEnds(), 0);
  new ResizeObserver(redraw).observe(plane.canvas);
}

setScheme(prefersDark.matches);
start();

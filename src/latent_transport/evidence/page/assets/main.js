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

function setScheme(dark) {
  document.documentElement.dataset.scheme = dark ? "dark" : "light";
}

// What the page does, with the data of the plane that it opens on.
function start(page, choice, data) {
  const paths = new Paths(page);
  const plane = new Plane(byId("plane"), paths);
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
  const strips = new Strips(byId("strips"), paths, follow);
  const lengths = new Lengths(byId("lengths"), paths);
  const ends = new Ends(plane, change);
  let decoder;
  const solving = new Solving(byId("numerics").textContent, {
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

  // A plane, with ends that suit it.
  function show(data) {
    decoder = new Decoder(data.decoder);
    plane.show(data);
    strips.show(decoder);
    solving.use({ ...page, ...data });
    [byId("low"), byId("high")].forEach((place, i) => {
      place.textContent = formatPower(10 ** plane.range[i]);
    });
    ends.set(plane.chooseEnds(), 0);
  }

  async function choose(number) {
    show(await choice.read(number));
    choice.mark(number);
  }

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
      drawImage(byId(`image-${letter}`), decoder.mean(point));
      const { label } = NAMES[state.kind][place];
      byId(`image-${letter}`).setAttribute("aria-label", `${label}, decoded`);
      byId(`name-${letter}`).textContent = NAMES[state.kind][place].letter;
      byId(`at-${letter}`).textContent = formatPoint(point);
    });
    const status = describe(state, paths);
    // Said once, however often it is drawn.
    if (byId("status").textContent !== status) byId("status").textContent = status;
    byId("status").classList.toggle("solving", state.solving);
    drawPlane();
  }

  function look(point, words) {
    drawImage(byId("preview"), decoder.mean(point));
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
  }

  function setStrength(strength) {
    state.strength = strength;
    const words = strength ? `β = ${strength.toFixed(1)}` : "not at all";
    byId("strength-value").textContent = words;
    byId("strength").setAttribute("aria-valuetext", words);
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
    input.addEventListener("change", () => {
      setKind(input.value);
      ends.set(state.ends);
    });
  });
  byId("strength").addEventListener("input", (event) => {
    setStrength(Number(event.target.value));
    ends.set(state.ends);
  });
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
  // Browsers remember how controls were left.
  setKind(document.querySelector("input[name=kind]:checked").value);
  setStrength(Number(byId("strength").value));
  choice.offer(byId("planes"), choose);
  show(data);
  new ResizeObserver(redraw).observe(plane.canvas);
}

async function openPage() {
  setScheme(prefersDark.matches);
  const page = JSON.parse(byId("data").textContent);
  const choice = new Choice(page);
  const number = choice.asked;
  start(page, choice, await choice.read(number));
  choice.mark(number);
}

openPage();

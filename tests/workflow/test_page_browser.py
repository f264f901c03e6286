"""The script that makes the interactive page, and the page in a headless Chromium."""

import shutil
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from latent_transport.datasets.catalogue import DATA_SETS
from latent_transport.datasets.classes import DIGITS, write_classes
from latent_transport.datasets.codes import Codes
from latent_transport.evidence.page.network import pack_decoder
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.measures import measure_curves
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.maps.exponential import shoot_geodesics
from latent_transport.models.loading import load_geometry
from latent_transport.models.vae import VAE, Architecture, load_vae, save_vae
from latent_transport.storage import load_arrays, load_metadata, save_arrays
from workflow.scripts import build_page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
WAIT = 60  # seconds, on a busy machine
GEOMETRIES = ("wasserstein1", "wasserstein2", "fisher-rao", "euclidean")
OTHER = "digit7"  # folder of the plane that is not shown first


def make_vae(components: int, seed: int = 0) -> VAE:
    generator = torch.Generator().manual_seed(seed)
    vae = VAE(Architecture(2, 64, (12,), components=components))
    with torch.no_grad():
        for weight in vae.decoder.parameters():
            weight.copy_(0.7 * torch.randn(weight.shape, generator=generator))
        # Wide enough for curves without kinks.
        vae.decoder.net[-1].bias[64 * components : 128 * components] += 3
    return vae


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small models, of digits 3 and 7, with their codes, and the page that is built of them."""
    folder = tmp_path_factory.mktemp("page")
    (folder / OTHER).mkdir()
    write_plane(folder, 0, 120)
    write_plane(folder / OTHER, 1, 90)
    write_page(folder, DIGITS, {3: folder, 7: folder / OTHER})
    return folder


def write_plane(folder, seed, count):
    """A model, its codes and its field."""
    save_vae(make_vae(1, seed), folder / "vae.safetensors", {"seed": "5"})
    rng = np.random.default_rng(1 + seed)
    split = np.repeat(np.array([0, 1, 2], np.uint8), [count - 60, 10, 50])
    of_rows = {"labels": np.full(count, 3, np.uint8), "indices": np.arange(count), "split": split}
    codes = rng.normal(size=(count, 2)).astype(np.float32)
    Codes(codes, codes**2, **of_rows).save(folder / "codes.safetensors")
    axis = np.linspace(-3, 3, 9, dtype=np.float32)
    volume = np.exp((1 - 3 * seed) * (axis[:, None] - axis))
    save_arrays(folder / "field.safetensors", {"x": axis, "y": axis, "volume": volume}, {})


def write_page(folder, classes, planes):
    """The page of planes, of which the first is shown first: folders by labels."""
    write_classes(folder / "classes.txt", classes)

    def files(name):
        return [str(plane / f"{name}.safetensors") for plane in planes.values()]

    build_page.main(
        [
            *("--digits", *map(str, planes), "--first", str(next(iter(planes))), "--seed", "5"),
            *("--models", *files("vae"), "--codes", *files("codes"), "--fields", *files("field")),
            *("--classes", str(folder / "classes.txt"), "--output", str(folder / "index.html")),
        ]
    )


@pytest.fixture(scope="module")
def decoder(folder):
    return load_vae(folder / "vae.safetensors").decoder


def load(name, folder):
    return load_geometry(name, vae=folder / "vae.safetensors", device="cpu")


# --- The page in a browser ---


@pytest.fixture(scope="module")
def chromium():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if not CHROMIUM or not DRIVER:
        pytest.skip("no Chromium with its chromedriver on this computer")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium, folder):
    """The page, freshly opened in a wide window."""
    chromium.set_window_size(1280, 1500)
    chromium.get((folder / "index.html").as_uri())
    yield chromium
    log = chromium.get_log("browser")
    assert [entry["message"] for entry in log if entry["level"] == "SEVERE"] == []


def find(browser, selector):
    return browser.find_element("css selector", selector)


@contextmanager
def window(browser, width, height=900):
    """A window of that many pixels, which below 500 is a phone's."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def text_of(browser, selector):
    return find(browser, selector).text


def end(browser, letter):
    return find(browser, f"[data-end='{letter}']")


def actions(browser):
    from selenium.webdriver import ActionChains

    return ActionChains(browser, duration=0)


def wait_for_log(browser):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, WAIT).until(lambda page: page.get_log("browser"))


def wait_for_solver(browser):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, WAIT).until(
        lambda page: find(page, "#paths").get_attribute("aria-busy") == "false"
    )


def ask(browser, script, *arguments):
    """Await what a function body of the page returns.

    In it ``data`` and ``solver`` are those of the plane that is shown first, and ``read`` gives the
    data of an element.
    """
    browser.set_script_timeout(WAIT)
    answer = browser.execute_async_script(
        """const [script, given, done] = arguments;
        const read = (id) => JSON.parse(document.getElementById(id).textContent);
        const data = { ...read("data"), ...read("plane-0") };
        const solver = new Solver(data);
        const run = Object.getPrototypeOf(async () => {}).constructor;
        new run("solver", "data", "read", "given", script)(solver, data, read, given)
          .then(done, (error) => done({ error: String(error.stack) }));""",
        script,
        arguments,
    )
    assert not (isinstance(answer, dict) and "error" in answer), answer
    return answer


def read_image(browser, selector):
    """Levels of an image that the page has drawn: its opacities."""
    return np.array(
        browser.execute_script(
            """const canvas = document.querySelector(arguments[0]);
            const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return Array.from(image.data).filter((_, i) => i % 4 === 3);""",
            selector,
        )
    )


def read_point(browser, selector):
    text = text_of(browser, selector).replace("\N{MINUS SIGN}", "-").strip("()")
    return [float(value) for value in text.split(",")]


def read_lengths(browser, path):
    cells = browser.find_elements("css selector", f"#lengths tr[data-path='{path}'] td")
    return [float(cell.text.split()[0].replace(",", "")) for cell in cells]


def set_ends(browser, first, second):
    """Click the plane twice, at offsets in pixels from its middle."""
    from selenium.webdriver.common.keys import Keys

    canvas = find(browser, "#plane > canvas")
    browser.execute_script("arguments[0].focus()", canvas)
    actions(browser).send_keys(Keys.ESCAPE).perform()
    for offset in (first, second):
        actions(browser).move_to_element_with_offset(canvas, *offset).click().perform()


# --- What the page computes, against Python ---


def test_the_page_opens_with_a_pair_and_loads_nothing(browser):
    wait_for_solver(browser)
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [name for name in loaded if not name.startswith("blob:")] == []
    assert end(browser, "A").is_displayed()
    assert end(browser, "B").is_displayed()
    assert len(browser.find_elements("css selector", "#lengths tbody tr")) == 5
    assert "geodesic from A" in text_of(browser, "#status")


def test_the_page_decodes_as_the_model_does(browser, decoder):
    z = np.random.default_rng(3).normal(scale=1.5, size=(10, 2))
    found = ask(
        browser, "return solver.decoder.means(given[0]).map((image) => [...image]);", z.tolist()
    )
    expected = decoder(torch.tensor(z, dtype=torch.float32)).mean.numpy()
    assert np.ptp(expected, axis=0).max() > 50
    np.testing.assert_allclose(found, expected, atol=0.5)


MEASURE = """solver.setStrength(given[2]);
return given[0].map((points) => {
    const segments = measure(solver.decoder, solver.geometries.get(given[1]), points, true);
    return { squares: [...segments.squares], slopes: [...segments.slopes] };
});"""


@pytest.mark.parametrize("name", GEOMETRIES)
def test_polygons_are_as_long_as_in_python(browser, folder, name):
    ends = np.random.default_rng(4).normal(size=(6, 2, 2))
    # So many segments that the distance half-way, which the page takes, is that of the ends.
    t = np.linspace(0, 1, 257)[:, None]
    lines = ends[:, :1] + t * (ends[:, 1:] - ends[:, :1])
    found = [np.sqrt(x["squares"]).sum() for x in ask(browser, MEASURE, lines.tolist(), name, 0)]
    expected, _ = measure_curves(load(name, folder), torch.tensor(lines, dtype=torch.float32))
    np.testing.assert_allclose(found, expected, rtol=3e-3)


@pytest.mark.parametrize("strength", [0, 0.5])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_slopes_are_differences(browser, name, strength):
    rng = np.random.default_rng(5)
    pairs = rng.normal(size=(8, 1, 2)) + 0.2 * rng.normal(size=(8, 2, 2))

    def measure(ends):
        return ask(browser, MEASURE, ends.tolist(), name, strength)

    slopes = np.array([x["slopes"] for x in measure(pairs)])  # (8, 4)
    step = 1e-6
    for number in range(4):
        moved = step * np.eye(4)[number].reshape(2, 2)
        ahead, behind = (
            np.array([x["squares"][0] for x in measure(pairs + side * moved)]) for side in (1, -1)
        )
        expected = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(2 * slopes[:, number], expected, rtol=1e-3, atol=1e-2)


def test_weights_of_the_density_are_those_of_python(browser, folder):
    geometry = load_geometry(
        "density",
        vae=folder / "vae.safetensors",
        codes=folder / "codes.safetensors",
        strength=0.5,
        device="cpu",
    )
    z = np.random.default_rng(9).normal(scale=1.5, size=(20, 2))
    found = ask(
        browser,
        "return solver.density.weights(given[0], 0.5).map(({ log }) => log);",
        z.tolist(),
    )
    expected = geometry.log_weight(torch.tensor(z).float()).numpy()
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("strength", [0, 0.5])
def test_geodesics_are_as_short_as_in_python(browser, folder, strength):
    z0, z1 = np.random.default_rng(6).normal(size=(2, 24, 2))
    found = ask(
        browser,
        """solver.setStrength(given[1]);
        const geometry = solver.geometries.get("wasserstein1");
        const lengths = [];
        for (const ends of given[0]) {
          const { points, converged } = await solver.find("join", "wasserstein1", ends);
          lengths.push([measure(solver.decoder, geometry, points).length, converged]);
        }
        return lengths;""",
        np.stack((z0, z1), 1).tolist(),
        strength,
    )
    length, converged = np.array(found).T
    z0, z1 = (torch.tensor(z, dtype=torch.float32) for z in (z0, z1))
    files = {"vae": folder / "vae.safetensors", "codes": folder / "codes.safetensors"}
    name = "density" if strength else "wasserstein1"
    geometry = load_geometry(name, **files, strength=strength, device="cpu")
    expected = connecting_geodesics(geometry, z0, z1)
    t = torch.linspace(0, 1, 65)[:, None]
    line, _ = measure_curves(geometry, torch.lerp(z0[:, None], z1[:, None], t))
    assert (expected.length < 0.98 * line).sum() >= 5  # there is something to find
    assert converged.mean() > 0.9
    np.testing.assert_allclose(length, expected.length, rtol=1e-2)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_curves_are_shot_as_in_python(browser, folder, name):
    z = np.random.default_rng(7).normal(scale=0.7, size=(4, 2))[:2]
    v = np.random.default_rng(8).normal(scale=0.4, size=(4, 2))[:2]
    found = ask(
        browser,
        """const curves = [];
        for (const ends of given[0]) {
          curves.push((await solver.find("shoot", given[1], ends)).points);
        }
        return curves;""",
        np.stack((z, z + v), 1).tolist(),
        name,
    )
    shots = shoot_geodesics(load(name, folder), *(torch.tensor(x).float() for x in (z, v)))
    assert shots.converged.all()
    points = np.array([curve[:: (len(curve) - 1) // 8] for curve in found])  # (2, 9, 2)
    expected, speed = shots.points.numpy(), np.linalg.norm(v, axis=-1)
    assert (np.linalg.norm(expected[:, -1] - (z + v), axis=-1) / speed).max() > 0.05
    assert (np.linalg.norm(points - expected, axis=-1).max(-1) < 1e-2 * speed).all()


def test_mixtures_are_measured_as_in_python(browser, tmp_path):
    path = tmp_path / "vae.safetensors"
    save_vae(make_vae(3), path, {"seed": "5"})
    packed = pack_decoder(load_arrays(path), load_metadata(path)["architecture"])
    points = [[0.1, -0.2], [0.3, 0.2], [0.2, 0.7]]
    for name in ("wasserstein1", "euclidean"):
        squares, *moved = ask(
            browser,
            """const mixtures = new Solver({ ...data, decoder: given[0], geometries: [given[1]] });
            const geometry = mixtures.geometries.get(given[1]);
            const find = (points) => measure(mixtures.decoder, geometry, points, true);
            const bent = (step) => given[2].map(([x, y], n) => (n === 1 ? [x + step, y] : [x, y]));
            const { squares, slopes } = find(given[2]);
            const [ahead, behind] = [1e-5, -1e-5].map((step) => find(bent(step)).squares[0]);
            return [[...squares], ahead, behind, slopes[2]];""",
            packed,
            name,
            points,
        )
        geometry = load_geometry(name, vae=path, device="cpu")
        expected = geometry.segment_lengths(torch.tensor([points]))[0].square().detach()
        np.testing.assert_allclose(squares, expected, rtol=1e-2)
        ahead, behind, slope = moved
        assert 2 * slope == pytest.approx((ahead - behind) / 2e-5, rel=1e-3)


def test_only_the_newest_ends_are_solved(browser):
    before, after, ended = ask(
        browser,
        """const answers = [[], []];
        let [job, ended] = [0, 0];
        const source = document.getElementById("numerics").textContent;
        await new Promise((resolve, reject) => {
          const solving = new Solving(source, {
            onPath({ points }) {
              if (points) answers[job].push(points[0]);
              if (points && job === 0) {
                job = 1;
                solving.start({ kind: "join", ends: [[1, 0.5], [-1, 0.5]], strength: 0 });
              }
            },
            onDone() {
              ended += 1;
              setTimeout(resolve, 500); // for what should not come
            },
            onError: reject,
          });
          solving.use(data);
          solving.start({ kind: "join", ends: [[0, 0], [1, 1]], strength: 0 });
        });
        return [...answers, ended];""",
    )
    assert len(before) == ended == 1
    np.testing.assert_allclose(after, [[1, 0.5]] * len(GEOMETRIES))


def test_what_is_solved_of_another_plane_is_dropped(browser):
    before, after, expected = ask(
        browser,
        """const source = document.getElementById("numerics").textContent;
        const other = { ...data, ...read("plane-1") };
        const job = { kind: "join", ends: [[0, 0], [1, 1]], strength: 0 };
        let before = [];
        const after = await new Promise((resolve, reject) => {
          let paths = null;
          const solving = new Solving(source, {
            onPath(path) {
              if (paths) paths.push(path);
              else if (path.points) {
                before.push(path.name);
                paths = [];
                solving.use(other);
                solving.start(job);
              }
            },
            onDone: () => setTimeout(() => resolve(paths), 500), // for what should not come
            onError: reject,
          });
          solving.use(data);
          solving.start(job);
        });
        const expected = [];
        const report = (path) => expected.push(path);
        await new Solver(other).solve(job, data.line, report, async () => {});
        return [before, after, expected];""",
    )
    assert before == ["wasserstein1"]
    assert after == expected
    assert len(after) > 2 * len(GEOMETRIES)


def test_the_page_hears_of_a_worker_that_fails(browser):
    wait_for_solver(browser)
    failed = ask(
        browser,
        """const source = document.getElementById("numerics").textContent;
        return new Promise((resolve) => {
          const solving = new Solving(source, {
            onPath: () => {}, onDone: () => resolve(false), onError: () => resolve(true),
          });
          solving.use(data);
          solving.start({ kind: "unknown", ends: [[0, 0], [1, 1]], strength: 0 });
        });""",
    )
    assert failed
    assert "is not a function" in wait_for_log(browser)[0]["message"]  # which may come later


def test_without_a_worker_the_line_is_shown(browser, folder):
    script = browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.Worker;"}
    )
    try:
        browser.get((folder / "index.html").as_uri())
        wait_for_solver(browser)
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    assert "does not run in this browser" in text_of(browser, "#status")
    assert find(browser, "[data-path='line'] .tile").is_displayed()


# --- What the page shows ---


def test_the_pointer_decodes(browser, decoder):
    seen = []
    for offset in ((-80, 40), (90, -60)):
        actions(browser).move_to_element_with_offset(find(browser, "#plane"), *offset).perform()
        assert text_of(browser, "#where") == "Decoded under the pointer"
        point = read_point(browser, "#position")
        levels = read_image(browser, "#preview")
        # The position is shown to two digits.
        expected = decoder(torch.tensor(point)).mean.numpy()
        assert np.abs(levels - expected).mean() < 3
        seen.append((point, levels))
    (first, before), (second, after) = seen
    assert second[0] > first[0]
    assert second[1] > first[1]
    assert np.abs(before - after).max() > 20


def test_two_clicks_show_geodesics(browser, folder, decoder):
    canvas = find(browser, "#plane > canvas")
    actions(browser).move_to_element_with_offset(canvas, -110, 60).click().perform()
    assert "choose a second point" in text_of(browser, "#status")
    assert not find(browser, "#strips").is_displayed()
    actions(browser).move_to_element_with_offset(canvas, 120, -30).click().perform()
    # The line is there at once.
    assert find(browser, "[data-path='line'] .tile").is_displayed()
    wait_for_solver(browser)
    a, b = (read_point(browser, f"#at-{letter}") for letter in "AB")
    assert a[0] < b[0]
    found = connecting_geodesics(Wasserstein1(decoder), torch.tensor([a]), torch.tensor([b]))
    # The ends are shown to two digits.
    assert read_lengths(browser, "wasserstein1")[0] == pytest.approx(found.length.item(), rel=1e-2)
    assert "geodesic from A" in text_of(browser, "#status")
    table = np.array([read_lengths(browser, name) for name in (*GEOMETRIES, "line")])
    assert (table.diagonal() <= table.min(axis=0) * 1.01).all()
    for place, letter in ((0, "A"), (1, "B")):
        point = [a, b][place]
        levels = read_image(browser, f"#image-{letter}")
        expected = decoder(torch.tensor(point)).mean.numpy()
        assert np.abs(levels - expected).mean() < 3
    # The fifth tile is half-way.
    t = torch.linspace(0, 1, 257)
    curve = found(t)[0]  # at constant speed
    levels = read_image(browser, "[data-path='wasserstein1'] .tile:nth-of-type(5)")
    expected = decoder(curve[128]).mean.numpy()
    assert np.abs(levels - expected).mean() < 3


def test_a_drag_sets_both_ends(browser):
    canvas = find(browser, "#plane > canvas")
    start = actions(browser).move_to_element_with_offset(canvas, -100, 100).click_and_hold()
    start.move_by_offset(40, -60).move_by_offset(100, -60).release().perform()
    wait_for_solver(browser)
    a, b = (read_point(browser, f"#at-{letter}") for letter in "AB")
    assert b[0] > a[0]
    assert b[1] > a[1]
    assert end(browser, "A").get_attribute("aria-label").startswith("End A at (")


def test_an_end_is_dragged(browser):
    wait_for_solver(browser)
    before = [read_point(browser, f"#at-{letter}") for letter in "AB"]
    actions(browser).drag_and_drop_by_offset(end(browser, "B"), 0, 30).perform()
    wait_for_solver(browser)
    after = [read_point(browser, f"#at-{letter}") for letter in "AB"]
    assert after[0] == before[0]
    assert after[1][0] == pytest.approx(before[1][0], abs=0.05)
    assert after[1][1] < before[1][1]


def test_a_drag_shoots_a_geodesic(browser, decoder):
    find(browser, "input[value=shoot]").click()
    canvas = find(browser, "#plane > canvas")
    start = actions(browser).move_to_element_with_offset(canvas, -20, 20).click_and_hold()
    start.move_by_offset(30, -20).move_by_offset(30, -10).release().perform()
    wait_for_solver(browser)
    assert "geodesic shot from A" in text_of(browser, "#status")
    assert end(browser, "B").text == "v"
    a, tip = (torch.tensor([read_point(browser, f"#at-{letter}")]) for letter in "AB")
    geometry = Wasserstein1(decoder)
    # As long as the velocity is, which is shown to two digits.
    expected = geometry.norm(a, tip - a).item()
    assert read_lengths(browser, "wasserstein1")[0] == pytest.approx(expected, rel=3e-2)


def test_a_weight_is_chosen(browser):
    from selenium.webdriver.common.keys import Keys

    wait_for_solver(browser)
    before = read_lengths(browser, "line")
    find(browser, "#strength").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert text_of(browser, "#strength-value") == "\N{GREEK SMALL LETTER BETA} = 0.2"
    wait_for_solver(browser)
    assert "weighted grey levels" in text_of(browser, "#status")
    assert text_of(browser, "#lengths thead small") == "weighted"
    assert read_lengths(browser, "line") != before
    find(browser, "#strength").send_keys(Keys.HOME)
    wait_for_solver(browser)
    assert read_lengths(browser, "line") == before


@pytest.mark.parametrize("kind", ["join", "shoot"])
def test_ends_may_lie_on_each_other(browser, kind):
    from selenium.webdriver.common.keys import Keys

    find(browser, f"input[value={kind}]").click()
    browser.execute_script("document.querySelector('#plane > canvas').focus()")
    actions(browser).send_keys(Keys.ESCAPE, Keys.ARROW_UP, Keys.ENTER).perform()
    actions(browser).send_keys(Keys.ENTER).perform()  # where the first end is
    wait_for_solver(browser)
    assert text_of(browser, "#at-A") == text_of(browser, "#at-B")
    assert "NaN" not in find(browser, "main").text


def test_curves_are_drawn_where_they_run(browser):
    set_ends(browser, (-130, 40), (140, -50))
    wait_for_solver(browser)
    for name in ("wasserstein2", "line"):  # one at a time, lest they cover each other
        for box in browser.find_elements("css selector", "#switches input"):
            if box.is_selected() != (box.get_attribute("value") == name):
                box.click()
        rows = browser.find_elements("css selector", ".strip")
        assert [row.is_displayed() for row in rows].count(True) == 1
        ends = [read_point(browser, f"#at-{letter}") for letter in "AB"]
        close = ask(
            browser,
            """const canvas = document.querySelector("#plane > canvas");
            const pen = canvas.getContext("2d");
            const colour = hexToRgb(cssColour(`--${given[0]}`));
            const box = canvas.getBoundingClientRect();
            const handle = (letter) => {
              const { left, top, width, height } = document
                .querySelector(`[data-end="${letter}"]`).getBoundingClientRect();
              return [(left + width / 2 - box.left) / box.width,
                      (top + height / 2 - box.top) / box.height];
            };
            // The plane's scale, from two handles.
            const [p, q] = given[1];
            const [r, s] = [handle("A"), handle("B")];
            const share = (z) => [0, 1].map(
              (axis) => r[axis] + ((z[axis] - p[axis]) / (q[axis] - p[axis])) * (s[axis] - r[axis]),
            );
            const points = given[0] === data.line ? given[1]
              : (await solver.find("join", given[0], given[1])).points;
            return Array.from({ length: 30 }, (_, i) => {
              const [x, y] = share(pointAt(points, 0.2 + 0.02 * i));
              const pixel = pen.getImageData(
                Math.round(x * canvas.width) - 2, Math.round(y * canvas.height) - 2, 5, 5).data;
              return Array.from({ length: 25 }).some((_, at) =>
                colour.every((value, i) => Math.abs(pixel[4 * at + i] - value) < 12));
            });""",
            name,
            ends,
        )
        # The straight line is dashed.
        assert np.mean(close) > (0.25 if name == "line" else 0.9), name


def test_images_along_a_path_show_where_they_lie(browser):
    wait_for_solver(browser)
    tile = browser.find_elements("css selector", "[data-path='wasserstein1'] .tile")[2]
    actions(browser).move_to_element(tile).perform()
    assert text_of(browser, "#where") == "Wasserstein-1, 30 % of the way"
    assert "marked" in tile.get_attribute("class")
    assert len(browser.find_elements("css selector", ".tile.marked")) == 5


def switch(browser, name):
    return find(browser, f"#planes input[value='{name}']")


def read_all(browser):
    """What is shown of a plane: words, numbers, ends and pictures."""
    wait_for_solver(browser)
    shown = {place: text_of(browser, place) for place in ("#planes output", "header p", "#at-A")}
    shown |= {place: text_of(browser, place) for place in ("h1", "#low", "#high", "#at-B")}
    shown |= {"title": browser.title, "about": find(browser, ".about").text}
    shown["plane"] = browser.execute_script(
        "return document.querySelector('#plane > canvas').toDataURL()"
    )
    tiles = "[data-path='wasserstein1'] .tile:nth-of-type(5)"
    shown |= {place: list(read_image(browser, place)) for place in ("#image-A", "#image-B", tiles)}
    return shown | {name: read_lengths(browser, name) for name in (*GEOMETRIES, "line")}


@pytest.mark.parametrize("width", [360, 1280])
def test_another_plane_is_shown_and_the_first_again(browser, folder, width):
    with window(browser, width):
        before = read_all(browser)
        assert before["#planes output"] == "digit 3: 120 images"
        switch(browser, 7).click()
        assert switch(browser, 7).is_selected()
        shown = read_all(browser)
        assert {name for name, value in before.items() if shown[name] == value} == set()
        assert shown["#planes output"] == "digit 7: 90 images"
        assert shown["h1"] == "The shortest way from one 7 to another"
        assert shown["title"].endswith("the latent plane of digit 7")
        assert "90 images of digit 7" in shown["about"]
        for place in ("h1", "header p", "title", "about"):
            assert "digit 3" not in shown[place]
        # Ends are codes of the other plane, shown to two digits, and its decoder has drawn them.
        codes = Codes.load(folder / OTHER / "codes.safetensors").mean
        other = load_vae(folder / OTHER / "vae.safetensors").decoder
        ends = [read_point(browser, f"#at-{letter}") for letter in "AB"]
        for letter, point in zip("AB", ends, strict=True):
            assert np.abs(codes - point).max(axis=1).min() < 0.006
            levels = other(torch.tensor(point)).mean.numpy()
            assert np.abs(read_image(browser, f"#image-{letter}") - levels).mean() < 3
        found = connecting_geodesics(Wasserstein1(other), *torch.tensor(ends)[:, None])
        assert shown["wasserstein1"][0] == pytest.approx(found.length.item(), rel=1e-2)
        # Switched forth and back while paths are being solved, it is as it was.
        for name in (3, 7, 3):
            switch(browser, name).click()
        assert read_all(browser) == before


def test_points_set_in_another_plane_are_measured_there(browser, folder):
    switch(browser, 7).click()
    set_ends(browser, (-110, 60), (120, -30))
    wait_for_solver(browser)
    a, b = (torch.tensor([read_point(browser, f"#at-{letter}")]) for letter in "AB")
    line = torch.lerp(a[:, None], b[:, None], torch.linspace(0, 1, 65)[:, None])  # (1, 65, 2)
    # The two that 64 segments of a decoder as rough as this one do for.
    for name in ("wasserstein1", "euclidean"):
        geometry, column = load(name, folder / OTHER), GEOMETRIES.index(name)
        expected = measure_curves(geometry, line)[0].item()
        assert read_lengths(browser, "line")[column] == pytest.approx(expected, rel=1e-2)
        expected = connecting_geodesics(geometry, a, b).length.item()
        assert read_lengths(browser, name)[column] == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("width", [360, 1280])
def test_planes_are_chosen_by_keys_and_told(browser, width):
    from selenium.webdriver.common.keys import Keys

    with window(browser, width):
        browser.execute_script("document.getElementById('scheme').focus()")
        for keys, name in (
            (Keys.TAB, "3"),
            (Keys.ARROW_RIGHT, "7"),
            (Keys.ARROW_LEFT, "3"),
        ):
            actions(browser).send_keys(keys).perform()
            focused = browser.switch_to.active_element
            assert (focused.get_attribute("value"), focused.is_selected()) == (name, True)
            assert (focused.aria_role, focused.accessible_name) == ("radio", f"digit {name}")
            assert text_of(browser, "#planes output").startswith(f"digit {name}: ")
        assert find(browser, "#planes").accessible_name == "Pictures shown"
        assert find(browser, "#planes output").aria_role == "status"  # said when it changes


def test_the_address_remembers_the_plane(browser, folder):
    switch(browser, 7).click()
    assert browser.current_url.endswith("/index.html#7")
    browser.refresh()
    wait_for_solver(browser)
    assert text_of(browser, "#planes output") == "digit 7: 90 images"
    browser.get((folder / "index.html").as_uri() + "#3")  # a link within the page
    wait_for_solver(browser)
    assert text_of(browser, "#planes output") == "digit 3: 120 images"
    assert switch(browser, 3).is_selected()


def test_a_page_of_one_plane_has_no_switch(chromium, folder, tmp_path):
    write_page(tmp_path, DIGITS, {3: folder})
    chromium.get((tmp_path / "index.html").as_uri())
    wait_for_solver(chromium)
    assert not find(chromium, "#planes").is_displayed()
    assert "geodesic from A" in text_of(chromium, "#status")


@pytest.mark.parametrize("width", [360, 1280])
def test_names_of_classes_find_room(chromium, folder, tmp_path, width):
    classes = DATA_SETS["fashion-mnist"].classes
    write_page(tmp_path, classes, dict.fromkeys(range(10), folder))
    with window(chromium, width):
        chromium.get((tmp_path / "index.html").as_uri())
        wait_for_solver(chromium)
        assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
        labels = chromium.find_elements("css selector", "#planes label")
        assert [label.text for label in labels] == list(classes)
        switch(chromium, "Sneaker").click()
        assert text_of(chromium, "h1") == "The shortest way from one Sneaker to another"
        assert text_of(chromium, "#planes output") == "Sneaker: 120 images"
        switch(chromium, "T-shirt/top").click()
        assert chromium.current_url.endswith("#T-shirt%2Ftop")


def test_the_keyboard_does_what_the_pointer_does(browser):
    from selenium.webdriver.common.keys import Keys

    canvas = find(browser, "#plane > canvas")
    browser.execute_script("arguments[0].focus()", canvas)
    actions(browser).send_keys(Keys.ESCAPE).perform()
    assert text_of(browser, "#status") == "Choose a first point in the plane."
    actions(browser).send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP).perform()
    first = read_point(browser, "#position")
    actions(browser).send_keys(Keys.ARROW_RIGHT).perform()
    assert read_point(browser, "#position")[0] > first[0]
    actions(browser).send_keys(Keys.ENTER, *[Keys.ARROW_RIGHT] * 5, Keys.ENTER).perform()
    wait_for_solver(browser)
    actions(browser).send_keys(Keys.TAB, Keys.TAB).perform()  # to the second end
    assert browser.switch_to.active_element.get_attribute("data-end") == "B"
    a, b = (read_point(browser, f"#at-{letter}") for letter in "AB")
    actions(browser).send_keys(Keys.ARROW_DOWN).perform()
    wait_for_solver(browser)
    assert read_point(browser, "#at-A") == a
    assert read_point(browser, "#at-B")[1] < b[1]
    assert "geodesic from A" in text_of(browser, "#status")


def test_a_screen_reader_hears_what_is_there(browser):
    wait_for_solver(browser)
    status = find(browser, "#status")
    assert (status.get_attribute("role"), status.get_attribute("aria-live")) == ("status", "polite")
    assert "grey levels" in status.text
    unnamed = browser.execute_script(
        """return [...document.querySelectorAll("button, input, canvas")]
          .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim()
            || one.labels?.[0]?.textContent.trim() || one.getAttribute("aria-hidden")))
          .map((one) => one.outerHTML);"""
    )
    assert unnamed == []


@pytest.mark.parametrize("width", [360, 390, 800, 1280])
def test_nothing_is_cut_off_sideways(browser, width):
    with window(browser, width):
        wait_for_solver(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_tap_on_a_phone_sets_an_end(browser):
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        box = browser.execute_script(
            """const canvas = document.querySelector("#plane > canvas");
            canvas.scrollIntoView({ block: "center" });
            const { left, top, width } = canvas.getBoundingClientRect();
            return [left, top, width];"""
        )
        for share in ((0.3, 0.6), (0.7, 0.45)):
            touch = {"x": box[0] + share[0] * box[2], "y": box[1] + share[1] * box[2]}
            for kind, points in (("touchStart", [touch]), ("touchEnd", [])):
                event = {"type": kind, "touchPoints": points}
                browser.execute_cdp_cmd("Input.dispatchTouchEvent", event)
        wait_for_solver(browser)
        a, b = (read_point(browser, f"#at-{letter}") for letter in "AB")
    finally:
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert a[0] < 0 < b[0]
    assert "geodesic from A" in text_of(browser, "#status")


def test_nothing_moves_for_those_who_want_less_motion(browser):
    def animation(preference):
        feature = {"name": "prefers-reduced-motion", "value": preference}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        return browser.execute_script(
            """const status = document.getElementById("status");
            status.classList.add("solving");
            return getComputedStyle(status, "::before").animationName;"""
        )

    assert animation("no-preference") == "breathe"
    assert animation("reduce") == "none"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_light_and_dark(browser):
    def brightness():
        colour = find(browser, "body").value_of_css_property("background-color")
        return sum(int(value) for value in colour[colour.index("(") + 1 : -1].split(",")[:3])

    before = brightness()
    find(browser, "#scheme").click()
    assert (before > 380) != (brightness() > 380)

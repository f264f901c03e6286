"""The scripts that make the interactive page, and the page in a headless Chromium."""

import shutil

import numpy as np
import pytest
import torch

from latent_transport.datasets.classes import DIGITS, write_classes
from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import Subset, save_subset
from latent_transport.evidence.page.paths import AnchorPaths
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import VAE, Architecture, load_vae, save_vae
from latent_transport.storage import load_arrays, save_arrays
from workflow.scripts import build_page, solve_page_geodesics

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
ANCHORS = 5
GEOMETRIES = ("wasserstein1", "wasserstein2", "fisher-rao", "euclidean")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model with its codes, solved and built by the two scripts."""
    folder = tmp_path_factory.mktemp("page")
    generator = torch.Generator().manual_seed(0)
    vae = VAE(Architecture(2, 64, (12,)))
    with torch.no_grad():
        for weight in vae.decoder.parameters():
            weight.copy_(0.7 * torch.randn(weight.shape, generator=generator))
        vae.decoder.net[-1].bias[64:] += 3  # wide enough for curves without kinks
    save_vae(vae, folder / "vae.safetensors", {"seed": "5"})
    rng = np.random.default_rng(1)
    split = np.repeat(np.array([0, 1, 2], np.uint8), [60, 10, 50])
    of_rows = {"labels": np.full(120, 3, np.uint8), "indices": np.arange(120), "split": split}
    codes = rng.normal(size=(120, 2)).astype(np.float32)
    images = rng.integers(0, 256, (120, 64), dtype=np.uint8)
    subset = Subset(images, **of_rows, digits=(3,), validation_fraction=0.1, seed=5)
    save_subset(subset, folder / "data.safetensors")
    Codes(codes, codes**2, **of_rows).save(folder / "codes.safetensors")
    axis = np.linspace(-3, 3, 9, dtype=np.float32)
    volume = np.exp(axis[:, None] - axis)
    save_arrays(folder / "field.safetensors", {"x": axis, "y": axis, "volume": volume}, {})
    shared = [
        *("--model", str(folder / "vae.safetensors")),
        *("--codes", str(folder / "codes.safetensors"), "--seed", "5"),
    ]
    geodesics = str(folder / "geodesics.safetensors")
    solve_page_geodesics.main(
        [
            *shared,
            *("--anchors", str(ANCHORS), "--settings", '{"controls": 6, "points": "auto"}'),
            *("--output", geodesics, "--device", "cpu"),
        ]
    )
    write_classes(folder / "classes.txt", DIGITS)
    build_page.main(
        [
            *(*shared, "--subset", str(folder / "data.safetensors"), "--digit", "3"),
            *("--field", str(folder / "field.safetensors")),
            *("--classes", str(folder / "classes.txt")),
            *("--geodesics", geodesics, "--output", str(folder / "index.html")),
        ]
    )
    return folder


@pytest.fixture(scope="module")
def paths(folder):
    return AnchorPaths.load(folder / "geodesics.safetensors")


@pytest.fixture(scope="module")
def decoder(folder):
    return load_vae(folder / "vae.safetensors").decoder


# --- The scripts ---


def test_all_pairs_of_held_out_anchors_are_joined(paths, folder):
    assert paths.geometries == GEOMETRIES
    assert len(set(paths.anchors)) == ANCHORS
    assert (paths.anchors >= 70).all()
    assert len(set(map(tuple, paths.pairs))) == ANCHORS * (ANCHORS - 1) / 2
    codes = load_arrays(folder / "codes.safetensors", "mean")["mean"][paths.anchors]
    for end, side in ((0, 0), (-1, 1)):
        expected = np.broadcast_to(codes[paths.pairs[:, side]], paths.points[:, :, 0].shape)
        np.testing.assert_allclose(paths.points[:, :, end], expected, atol=1e-5)


def test_each_geodesic_is_the_shortest_in_its_own_geometry(paths):
    own = np.arange(len(GEOMETRIES))
    shortest = paths.lengths[own, own]  # (G, m)
    assert paths.converged.mean() > 0.8
    line = paths.lengths[-1]
    # Energies are minimised on fewer segments than the lengths are measured on.
    assert (shortest <= line * 1.01).all()
    assert (shortest < line * 0.999).any(axis=1).all()
    assert (shortest < line * 0.995).any()
    assert (shortest <= paths.lengths.min(axis=0) * (1 + 1e-3)).mean() >= 0.9


def test_lengths_are_those_of_the_library(paths, decoder):
    z = torch.from_numpy(paths.points[0, :, [0, -1]])  # (2, m, 2)
    found = connecting_geodesics(Wasserstein1(decoder), z[0], z[1])
    agree = np.isclose(paths.lengths[0, 0], found.length, rtol=5e-3)
    assert agree.mean() > 0.8


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


def text_of(browser, selector):
    return find(browser, selector).text


def anchor(browser, number):
    return find(browser, f"[data-anchor='{number}']")


def actions(browser):
    from selenium.webdriver import ActionChains

    return ActionChains(browser, duration=0)


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


def read_position(browser):
    text = text_of(browser, "#position").replace("\N{MINUS SIGN}", "-").strip("()")
    return [float(value) for value in text.split(",")]


def test_the_page_opens_with_a_pair_and_loads_nothing(browser):
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert loaded == []
    assert len(browser.find_elements("css selector", ".anchor")) == ANCHORS
    assert len(browser.find_elements("css selector", ".anchor[aria-pressed=true]")) == 2
    assert len(browser.find_elements("css selector", "#lengths tbody tr")) == 5


def test_the_page_decodes_as_the_model_does(browser, decoder):
    z = np.random.default_rng(3).normal(scale=1.5, size=(10, 2))
    found = browser.execute_script(
        """const data = JSON.parse(document.getElementById("data").textContent);
        const decoder = new Decoder(data.decoder);
        return arguments[0].map((point) => Array.from(decoder.mean(point)));""",
        z.tolist(),
    )
    expected = decoder(torch.tensor(z, dtype=torch.float32)).mean.numpy()
    assert np.ptp(expected, axis=0).max() > 50
    np.testing.assert_allclose(found, expected, atol=0.5)


def test_the_pointer_decodes(browser, decoder):
    seen = []
    for offset in ((-80, 40), (90, -60)):
        actions(browser).move_to_element_with_offset(find(browser, "#plane"), *offset).perform()
        assert text_of(browser, "#where") == "Decoded under the pointer"
        point = read_position(browser)
        levels = read_image(browser, "#preview")
        # The position is shown to two digits.
        expected = decoder(torch.tensor(point)).mean.numpy()
        assert np.abs(levels - expected).mean() < 3
        seen.append((point, levels))
    (first, before), (second, after) = seen
    assert second[0] > first[0]
    assert second[1] > first[1]
    assert np.abs(before - after).max() > 20


def test_two_clicks_show_geodesics(browser, paths, decoder):
    pair = paths.pairs.tolist().index([1, 3])
    indices = paths.anchors[[3, 1]]
    actions(browser).click(anchor(browser, 3)).perform()
    assert f"From test image {indices[0]}: choose a second" in text_of(browser, "#status")
    assert not find(browser, "#strips").is_displayed()
    actions(browser).click(anchor(browser, 1)).perform()
    assert f"image {indices[0]} (A) to test image {indices[1]} (B)" in text_of(browser, "#status")
    assert find(browser, "#strips").is_displayed()
    for row, name in enumerate((*GEOMETRIES, "line")):
        cells = browser.find_elements("css selector", f"#lengths tr[data-path='{name}'] td")
        shown = [float(cell.text.split()[0].replace(",", "")) for cell in cells]
        np.testing.assert_allclose(shown, paths.lengths[row, :, pair], rtol=6e-3)
    # From 3 to 1 the stored path runs backwards: the first tile is near its end.
    for row, name in enumerate(GEOMETRIES):
        curve = paths.points[row, pair][::-1]
        position = 0.1 * (len(curve) - 1)
        at = [np.interp(position, np.arange(len(curve)), curve[:, axis]) for axis in (0, 1)]
        levels = read_image(browser, f"[data-path='{name}'] .tile")
        expected = decoder(torch.tensor(at, dtype=torch.float32)).mean.numpy()
        np.testing.assert_allclose(levels, expected, atol=1.5)


def test_curves_are_drawn_where_they_run(browser, paths):
    for number in (0, 4):
        actions(browser).click(anchor(browser, number)).perform()
    for name in ("wasserstein2", "line"):  # one at a time, lest they cover each other
        for box in browser.find_elements("css selector", "#switches input"):
            if box.is_selected() != (box.get_attribute("value") == name):
                box.click()
        rows = browser.find_elements("css selector", ".strip")
        assert [row.is_displayed() for row in rows].count(True) == 1
        close = browser.execute_script(
            """const data = JSON.parse(document.getElementById("data").textContent);
            const paths = new Paths(data);
            const canvas = document.querySelector("#plane > canvas");
            const pen = canvas.getContext("2d");
            const colour = hexToRgb(cssColour(`--${arguments[0]}`));
            const box = document.getElementById("plane").getBoundingClientRect();
            const ring = (number) => {
              const { left, top, width, height } = document
                .querySelector(`[data-anchor="${number}"]`).getBoundingClientRect();
              return [(left + width / 2 - box.left) / box.width,
                      (top + height / 2 - box.top) / box.height];
            };
            // The plane's scale, from two rings.
            const [p, q] = [paths.anchor(0), paths.anchor(4)];
            const [r, s] = [ring(0), ring(4)];
            const share = (z) => [0, 1].map(
              (axis) => r[axis] + ((z[axis] - p[axis]) / (q[axis] - p[axis])) * (s[axis] - r[axis]),
            );
            return Array.from({ length: 30 }, (_, i) => {
              const [x, y] = share(paths.at(arguments[0], 0, 4, 0.2 + 0.02 * i));
              const pixel = pen.getImageData(
                Math.round(x * canvas.width) - 1, Math.round(y * canvas.height) - 1, 3, 3).data;
              return [0, 1, 2, 3, 4, 5, 6, 7, 8].some((at) =>
                colour.every((value, i) => Math.abs(pixel[4 * at + i] - value) < 12));
            });""",
            name,
        )
        # The straight line is dashed.
        assert np.mean(close) > (0.25 if name == "line" else 0.9), name


def test_a_click_beside_a_ring_takes_the_nearest(browser):
    for number, offset in ((0, 12), (4, -12)):
        ring = anchor(browser, number)
        actions(browser).move_to_element_with_offset(ring, offset, 10).click().perform()
        assert ring.get_attribute("aria-pressed") == "true"
    assert anchor(browser, 0).text == "A"
    assert anchor(browser, 4).text == "B"


def test_images_along_a_path_show_where_they_lie(browser):
    tile = browser.find_elements("css selector", "[data-path='wasserstein1'] .tile")[2]
    actions(browser).move_to_element(tile).perform()
    assert text_of(browser, "#where") == "Wasserstein-1, 30 % of the way"
    assert "marked" in tile.get_attribute("class")
    assert len(browser.find_elements("css selector", ".tile.marked")) == 5


def test_the_keyboard_does_what_the_pointer_does(browser):
    from selenium.webdriver.common.keys import Keys

    canvas = find(browser, "#plane > canvas")
    browser.execute_script("arguments[0].focus()", canvas)
    actions(browser).send_keys(Keys.ESCAPE).perform()
    assert text_of(browser, "#status") == "Choose a first point in the plane."
    actions(browser).send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP).perform()
    first = read_position(browser)
    actions(browser).send_keys(Keys.ARROW_RIGHT).perform()
    assert read_position(browser)[0] > first[0]
    actions(browser).send_keys(Keys.ENTER).perform()
    assert len(browser.find_elements("css selector", ".anchor[aria-pressed=true]")) == 1
    actions(browser).send_keys(Keys.TAB).perform()  # to the first ring
    ring = browser.switch_to.active_element
    assert ring.get_attribute("data-anchor") == "0"
    if ring.get_attribute("aria-pressed") == "true":
        actions(browser).send_keys(Keys.TAB).perform()
    actions(browser).send_keys(Keys.ENTER).perform()
    assert len(browser.find_elements("css selector", ".anchor[aria-pressed=true]")) == 2
    assert find(browser, "#strips").is_displayed()


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_is_cut_off_sideways(browser, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        found = browser.execute_script("return document.documentElement.scrollWidth")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert found <= width


def test_light_and_dark(browser):
    def brightness():
        colour = find(browser, "body").value_of_css_property("background-color")
        return sum(int(value) for value in colour[colour.index("(") + 1 : -1].split(",")[:3])

    before = brightness()
    find(browser, "#scheme").click()
    assert (before > 380) != (brightness() > 380)
